#include "common/store/testing/rerunning_store.h"

#include <utility>

#include "common/store/overlay.h"

namespace waypost::store {

void RerunningStore::Transact(Body body, Done done) {
  store_.Transact(
      [body = std::move(body), runs = runs_](Writer& writer) mutable {
        for (int run = 1; run < runs; ++run) {
          Overlay discarded;
          RunBody(body, writer, discarded).IgnoreError();
        }
        return body(writer);
      },
      std::move(done));
}

}  // namespace waypost::store
