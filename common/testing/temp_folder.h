// A folder for one test, gone with everything in it when the test ends.
#ifndef WAYPOST_COMMON_TESTING_TEMP_FOLDER_H_
#define WAYPOST_COMMON_TESTING_TEMP_FOLDER_H_

#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "common/base/strings.h"

namespace waypost::testing {

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
  // The path of what is, or is to be, below it.
  std::string operator/(std::string_view name) const { return base::Cat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace waypost::testing

#endif  // WAYPOST_COMMON_TESTING_TEMP_FOLDER_H_
