// A folder for one test, gone with it.
#ifndef WAYPOST_COMMON_STORE_TESTING_TEMP_FOLDER_H_
#define WAYPOST_COMMON_STORE_TESTING_TEMP_FOLDER_H_

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

namespace waypost::store {

class TempFolder {
 public:
  TempFolder() : path_((std::filesystem::temp_directory_path() / "waypost-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) {
      std::perror("mkdtemp");
      std::abort();
    }
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace waypost::store

#endif  // WAYPOST_COMMON_STORE_TESTING_TEMP_FOLDER_H_
