// The words of the protos as people write and read them: NEEDS_INFO is "needs info" in a table and
// "needs-info" on the command line; AcceptReferral is "accept-referral".
#ifndef WAYPOST_TOOLS_WAYPOST_WORDS_H_
#define WAYPOST_TOOLS_WAYPOST_WORDS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include <string>
#include <string_view>
#include <vector>

namespace waypost::cli {

// "needs info" for REFERRAL_STATE_NEEDS_INFO; empty for the zero value; "unknown (17)" for a number without
// name.
std::string EnumWords(const google::protobuf::EnumDescriptor& type, int number);
template <typename Enum>
std::string EnumWords(Enum value) {
  return EnumWords(*google::protobuf::GetEnumDescriptor<Enum>(), static_cast<int>(value));
}

// "needs-info".
std::string EnumChoice(const google::protobuf::EnumValueDescriptor& value);
// Every choice but the zero value, in order.
std::vector<std::string> EnumChoices(const google::protobuf::EnumDescriptor& type);
// By "needs-info", "needs info", "NEEDS_INFO" or "REFERRAL_STATE_NEEDS_INFO", in any case. nullptr when there
// is none; the zero value is never found.
const google::protobuf::EnumValueDescriptor* FindEnumValue(const google::protobuf::EnumDescriptor& type,
                                                           std::string_view text);

// "accept-referral" for "AcceptReferral".
std::string KebabFromCamel(std::string_view name);
// "review-time" for "review_time".
std::string KebabFromSnake(std::string_view name);
// "review time" for "review_time".
std::string WordsFromSnake(std::string_view name);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_WORDS_H_
