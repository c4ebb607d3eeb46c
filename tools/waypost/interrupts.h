// Ctrl-C for work that can be left in good order. Without such work it ends the program at once.
#ifndef WAYPOST_TOOLS_WAYPOST_INTERRUPTS_H_
#define WAYPOST_TOOLS_WAYPOST_INTERRUPTS_H_

#include <atomic>

namespace waypost::cli {

// Thread-safe.
class Interrupts {
 public:
  // While one of these lives, an interrupt is only noted; the work looks at `requested` and ends itself.
  class Handling {
   public:
    explicit Handling(Interrupts& interrupts) : interrupts_(interrupts) { interrupts_.handlers_++; }
    ~Handling() { interrupts_.handlers_--; }
    Handling(const Handling&) = delete;
    Handling& operator=(const Handling&) = delete;

   private:
    Interrupts& interrupts_;
  };

  bool requested() const { return requested_; }

  // Notes an interrupt. False when nobody handles it, or it is the second one: then the program should end.
  bool Request() { return !requested_.exchange(true) && handlers_ > 0; }

 private:
  std::atomic<bool> requested_ = false;
  std::atomic<int> handlers_ = 0;
};

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_INTERRUPTS_H_
