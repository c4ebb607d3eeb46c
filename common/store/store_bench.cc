// What the writer thread carries: store_bench [folder] [seconds per case] [commands to fill with]
//
//   overlay    one body's cost in the overlay alone (2 gets, 6 puts), no database
//   command    the shape of a real command: 2 gets (absent), 6 puts (400-byte row, two listings, clock,
//              idempotency record, outbox event) and a head row; closed loop of callers
//   scan       the same with one short scan in each body
//   aborts     the same, a fifth of them failing after their writes
//   snapshot   Snapshot and one Get, on one thread
//   fill       alone, when a count is given: so many commands with rows of 2 KB; then memory, and how long a
//              restart takes
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/base/strings.h"
#include "common/store/keys.h"
#include "common/store/memory_store.h"
#include "common/store/overlay.h"
#include "common/store/rocksdb_store.h"

namespace waypost::store {
namespace {

using base::Cat;
using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

struct Load {
  const char* name;
  bool scans = false;
  int abort_every = 0;  // 0: never
  size_t row_bytes = 400;
};

// Everything that depends on no stored row is made on the calling thread, as a service does.
Body MakeCommand(const Load& load, uint64_t number) {
  struct Prepared {
    std::string request_key, row_key, sent_key, received_key, clock_key, outbox_key, head_key, row, event;
  };
  auto made = std::make_unique<Prepared>();
  const std::string id = Cat("01jd", number);
  made->request_key = KeyBuilder().Text("request").Text("es-fuenlabrada").Text(id).Take();
  made->row_key = KeyBuilder().Text("referral").Text(id).Take();
  made->sent_key = KeyBuilder().Text("sent").Text("es-fuenlabrada").Uint(1).Text(id).Take();
  made->received_key = KeyBuilder().Text("received").Text("se-malmo").Uint(1).Text(id).Take();
  made->clock_key = KeyBuilder().Text("clock").Uint(number).Take();
  made->outbox_key = KeyBuilder().Text("outbox").Uint(0).Uint(number).Take();
  made->head_key = KeyBuilder().Text("head").Uint(0).Take();
  made->row.reserve(load.row_bytes);
  std::mt19937_64 random(number);
  while (made->row.size() < load.row_bytes) made->row.push_back(static_cast<char>(random()));
  made->event.assign(250, static_cast<char>('a' + number % 26));
  const bool aborts = load.abort_every != 0 && number % static_cast<uint64_t>(load.abort_every) == 0;
  return [made = std::move(made), scans = load.scans, aborts](Writer& writer) -> absl::Status {
    const auto seen = writer.Get(made->request_key);
    if (!seen.ok() || seen->has_value()) return absl::AlreadyExistsError("request");
    const auto row = writer.Get(made->row_key);
    if (!row.ok() || row->has_value()) return absl::AlreadyExistsError("referral");
    if (scans) {
      const auto cursor = writer.Scan(PrefixRange(made->received_key));
      for (int i = 0; i < 5 && cursor->Valid(); ++i) cursor->Next();
    }
    writer.Put(made->row_key, made->row);
    writer.Put(made->sent_key, "");
    writer.Put(made->received_key, "");
    writer.Put(made->clock_key, made->row_key);
    writer.Put(made->request_key, std::string_view(made->event).substr(0, 40));
    writer.Put(made->outbox_key, made->event);
    writer.Put(made->head_key, made->outbox_key);
    return aborts ? absl::AbortedError("etag") : absl::OkStatus();
  };
}

class Sums final : public StoreObserver {
 public:
  void OnGroup(const GroupReport& group) override {
    bodies_ += group.bodies;
    ++groups_;
    run_micros_ += static_cast<uint64_t>(absl::ToInt64Nanoseconds(group.run_time)) / 1000;
    sync_micros_ += static_cast<uint64_t>(absl::ToInt64Nanoseconds(group.sync_time)) / 1000;
  }
  void Print() const {
    const double groups = std::max<double>(1, static_cast<double>(groups_));
    const double bodies = std::max<double>(1, static_cast<double>(bodies_));
    std::printf("  group %6.1f  body %5.2f us  write+sync %7.1f us\n", bodies / groups,
                static_cast<double>(run_micros_) / bodies, static_cast<double>(sync_micros_) / groups);
  }

 private:
  std::atomic<uint64_t> bodies_ = 0, groups_ = 0, run_micros_ = 0, sync_micros_ = 0;
};

std::unique_ptr<RocksNode> OpenOrExit(const std::string& folder, StoreObserver* observer,
                                      bool answer_on_writer) {
  RocksOptions options;
  options.path = folder;
  options.parts = {"referral"};
  options.observer = observer;
  options.answer_on_writer = answer_on_writer;
  auto node = RocksNode::Open(std::move(options));
  if (!node.ok()) {
    std::fprintf(stderr, "%s\n", node.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(node);
}

// `in_flight` callers, each beginning its next command when the last is answered.
void RunLoad(const std::string& folder, double seconds, const Load& load, int in_flight,
             bool answer_on_writer) {
  std::filesystem::remove_all(folder);
  Sums sums;
  const auto node = OpenOrExit(folder, &sums, answer_on_writer);
  Store& store = node->store("referral");
  std::atomic<uint64_t> next = 0, done = 0;
  std::atomic<int> running = in_flight;
  std::atomic<bool> stop = false;
  absl::Notification finished;
  std::function<void()> begin = [&] {
    store.Transact(MakeCommand(load, ++next), [&](absl::Status) {
      ++done;
      if (!stop) {
        begin();
      } else if (--running == 0) {
        finished.Notify();
      }
    });
  };
  const auto start = Clock::now();
  for (int i = 0; i < in_flight; ++i) begin();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  finished.WaitForNotification();
  std::printf("%-8s in flight %4d  answers on %-10s %8.0f/s", load.name, in_flight,
              answer_on_writer ? "writer" : "own thread", static_cast<double>(done) / Seconds(start));
  sums.Print();
}

void RunOverlay() {
  constexpr int kBodies = 200'000;
  constexpr int kGroup = 256;
  const MemoryStore empty;
  const auto base = *empty.Snapshot();
  std::vector<Body> bodies;
  const Load load{"overlay"};
  bodies.reserve(kBodies);
  for (int i = 0; i < kBodies; ++i) bodies.push_back(MakeCommand(load, static_cast<uint64_t>(i)));
  Overlay overlay;
  const auto start = Clock::now();
  for (int i = 0; i < kBodies; ++i) {
    RunBody(bodies[static_cast<size_t>(i)], *base, overlay).IgnoreError();
    if (i % kGroup == kGroup - 1) overlay.Clear();
  }
  std::printf("overlay  %.0f ns a body\n", Seconds(start) / kBodies * 1e9);
}

void RunSnapshots(const std::string& folder) {
  constexpr int kCount = 300'000;
  std::filesystem::remove_all(folder);
  const auto node = OpenOrExit(folder, nullptr, false);
  const Store& store = node->store("referral");
  const auto start = Clock::now();
  for (int i = 0; i < kCount; ++i) (*store.Snapshot())->Get("absent").IgnoreError();
  std::printf("snapshot %.0f ns with one get\n", Seconds(start) / kCount * 1e9);
}

// Resident memory of this process, in MB.
double ResidentMegabytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1e6;
}

void RunFill(const std::string& folder, uint64_t count) {
  std::filesystem::remove_all(folder);
  const Load load{"fill", false, 0, 2000};
  auto node = OpenOrExit(folder, nullptr, false);
  std::printf("fill     idle %.0f MB\n", ResidentMegabytes());
  double most = 0;
  for (uint64_t next = 0; next < count;) {
    absl::BlockingCounter left(256);
    for (int i = 0; i < 256; ++i) {
      node->store("referral").Transact(MakeCommand(load, ++next), [&](absl::Status) {
        left.DecrementCount();
      });
    }
    left.Wait();
    most = std::max(most, ResidentMegabytes());
  }
  const double table_megabytes = static_cast<double>(node->Stats().approximate_table_bytes) / 1e6;
  node.reset();
  const auto start = Clock::now();
  node = OpenOrExit(folder, nullptr, false);
  std::printf("fill     %.0f commands, %.0f MB of files: at most %.0f MB; opened again in %.2f s\n",
              static_cast<double>(count), table_megabytes, most, Seconds(start));
}

}  // namespace
}  // namespace waypost::store

int main(int argc, char** argv) {
  using waypost::store::Load;
  const std::string folder = argc > 1 ? argv[1] : "/tmp/store_bench";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  if (argc > 3) {  // alone, so that the memory is its own
    waypost::store::RunFill(folder, std::strtoull(argv[3], nullptr, 10));
    std::filesystem::remove_all(folder);
    return 0;
  }
  waypost::store::RunOverlay();
  waypost::store::RunSnapshots(folder);
  for (const int in_flight : {1, 8, 64, 256}) {
    for (const bool on_writer : {false, true}) {
      waypost::store::RunLoad(folder, seconds, Load{"command"}, in_flight, on_writer);
    }
  }
  waypost::store::RunLoad(folder, seconds, Load{"scan", true}, 256, false);
  waypost::store::RunLoad(folder, seconds, Load{"aborts", false, 5}, 256, false);
  std::filesystem::remove_all(folder);
  return 0;
}
