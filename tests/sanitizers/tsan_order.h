// What tells ThreadSanitizer of an order that it cannot see. For the libraries of this folder, which are
// preloaded.
#ifndef WAYPOST_TESTS_SANITIZERS_TSAN_ORDER_H_
#define WAYPOST_TESTS_SANITIZERS_TSAN_ORDER_H_

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

// The sanitizer's own; absent in a program that is not instrumented, where all this does nothing.
extern "C" {
void __tsan_acquire(void* address) __attribute__((weak));
void __tsan_release(void* address) __attribute__((weak));
}

namespace waypost::tsan {

inline void Acquired(const void* object) {
  if (__tsan_acquire != nullptr) __tsan_acquire(const_cast<void*>(object));
}

inline void Releasing(const void* object) {
  if (__tsan_release != nullptr) __tsan_release(const_cast<void*>(object));
}

// The function that the one being defined hides, by its mangled name.
template <typename Function>
Function* Real(const char* symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) {
    std::fprintf(stderr, "tsan: there is no %s to stand before\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace waypost::tsan

#endif  // WAYPOST_TESTS_SANITIZERS_TSAN_ORDER_H_
