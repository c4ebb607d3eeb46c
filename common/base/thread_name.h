// Names for threads, so that whoever looks at a process sees what its time goes into.
#ifndef WAYPOST_COMMON_BASE_THREAD_NAME_H_
#define WAYPOST_COMMON_BASE_THREAD_NAME_H_

#include <pthread.h>

#include <cstddef>
#include <type_traits>

namespace waypost::base {

// The name of a thread: a literal of at most 15 characters, which is what Linux keeps.
class ThreadName {
 public:
  template <size_t kSize, typename = std::enable_if_t<(kSize <= 16)>>
  // NOLINTNEXTLINE(google-explicit-constructor): the literal says it all.
  constexpr ThreadName(const char (&literal)[kSize]) : text_(literal) {}

  const char* c_str() const { return text_; }

 private:
  const char* text_;
};

// Names the calling thread, as `top -H`, debuggers and /proc/PID/task/*/comm show it. A thread that names
// itself nothing has the name of the one that made it.
inline void NameThisThread(ThreadName name) {
  pthread_setname_np(pthread_self(), name.c_str());
}

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_THREAD_NAME_H_
