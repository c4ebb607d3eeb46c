// Loaded before a server (LD_PRELOAD) to make its disk fail. While the file that WAYPOST_DISK_FAULT names
// exists and holds "<errno> <call> <suffix>", every such call (write, fdatasync, pread) on a file whose name
// ends with the suffix fails with that errno and does nothing.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

// The errno that `call` on `fd` is to fail with; 0 for none. Keeps errno.
int FaultOf(const char* call, int fd) {
  const char* const trigger = std::getenv("WAYPOST_DISK_FAULT");
  const int saved = errno;
  std::FILE* const file = trigger != nullptr ? std::fopen(trigger, "re") : nullptr;
  errno = saved;
  if (file == nullptr) return 0;
  int error = 0;
  char wanted[16] = "";
  char suffix[16] = "";
  const int read = std::fscanf(file, "%d %15s %15s", &error, wanted, suffix);
  std::fclose(file);
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  char path[4096];
  const ssize_t length = readlink(link, path, sizeof path);
  errno = saved;
  if (read != 3 || length < 0 || std::strcmp(wanted, call) != 0) return 0;
  return std::string_view(path, static_cast<size_t>(length)).ends_with(suffix) ? error : 0;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" ssize_t write(int fd, const void* bytes, size_t size) {
  static auto* const next = Next<ssize_t(int, const void*, size_t)>("write");
  const int error = FaultOf("write", fd);
  if (error == 0) return next(fd, bytes, size);
  errno = error;
  return -1;
}

extern "C" ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  static auto* const next = Next<ssize_t(int, void*, size_t, off_t)>("pread");
  const int error = FaultOf("pread", fd);
  if (error == 0) return next(fd, bytes, size, at);
  errno = error;
  return -1;
}

extern "C" int fdatasync(int fd) {
  static auto* const next = Next<int(int)>("fdatasync");
  const int error = FaultOf("fdatasync", fd);
  if (error == 0) return next(fd);
  errno = error;
  return -1;
}
