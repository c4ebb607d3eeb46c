// What every driver of the store seam must do. A driver's test lists conformance.cc among its sources and
// instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values(Driver{"memory", MakeMemory}),
//   DriverName);
#ifndef WAYPOST_COMMON_STORE_CONFORMANCE_H_
#define WAYPOST_COMMON_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "common/store/store.h"

namespace waypost::store {

// An empty store with two parts; what it needs goes with it.
class TestStore {
 public:
  virtual ~TestStore() = default;
  virtual Store& store() = 0;
  // A store that shares whatever the driver shares between parts.
  virtual Store& other_part() = 0;
};

struct Driver {
  std::string name;
  std::function<std::unique_ptr<TestStore>()> make;
};

inline std::string DriverName(const testing::TestParamInfo<Driver>& info) {
  return info.param.name;
}

class StoreConformance : public testing::TestWithParam<Driver> {
 protected:
  StoreConformance() : made_(GetParam().make()), store_(made_->store()) {}

  const std::unique_ptr<TestStore> made_;
  Store& store_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_CONFORMANCE_H_
