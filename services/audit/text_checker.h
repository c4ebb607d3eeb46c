// Checks of texts and times that come from outside.
#ifndef WAYPOST_SERVICES_AUDIT_TEXT_CHECKER_H_
#define WAYPOST_SERVICES_AUDIT_TEXT_CHECKER_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::audit {

// Checks the texts of one message, whose path is empty or as in "envelopes[3]". Not thread-safe.
class TextChecker {
 public:
  // `violations` must outlive this.
  TextChecker(std::string path, error::FieldViolations& violations)
      : path_(std::move(path)), violations_(violations) {}

  void Add(std::string_view field, std::string_view description) {
    violations_.Add(path_.empty() ? std::string(field) : base::Cat(path_, ".", field), description);
  }
  void Required(std::string_view field, std::string_view text, size_t bytes_max) {
    if (text.empty()) Add(field, "is required");
    Optional(field, text, bytes_max);
  }
  // Texts become parts of keys and are printed: no control characters.
  void Optional(std::string_view field, std::string_view text, size_t bytes_max) {
    if (text.size() > bytes_max) Add(field, base::Cat("has more than ", bytes_max, " bytes"));
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte >= 0x20 && byte != 0x7f;
    });
    if (!printable) Add(field, "has control characters");
  }

 private:
  const std::string path_;
  error::FieldViolations& violations_;
};

}  // namespace waypost::audit

#endif  // WAYPOST_SERVICES_AUDIT_TEXT_CHECKER_H_
