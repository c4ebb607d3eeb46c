// Names for threads, so that whoever looks at a process sees what its time goes into.
#ifndef WAYPOST_COMMON_BASE_THREAD_NAME_H_
#define WAYPOST_COMMON_BASE_THREAD_NAME_H_

#include <pthread.h>

#include <cstddef>

namespace waypost::base {

// Names the calling thread, as `top -H`, debuggers and /proc/PID/task/*/comm show it. Linux keeps 15
// characters. A thread that names itself nothing has the name of the one that made it.
template <size_t kSize>
void NameThisThread(const char (&name)[kSize]) {
  static_assert(kSize <= 16, "Linux keeps 15 characters of a thread's name");
  pthread_setname_np(pthread_self(), name);
}

}  // namespace waypost::base

#endif  // WAYPOST_COMMON_BASE_THREAD_NAME_H_
