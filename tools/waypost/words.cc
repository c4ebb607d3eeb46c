#include "tools/waypost/words.h"

#include <algorithm>
#include <cctype>

#include "common/base/strings.h"

namespace waypost::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;

bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
char Lower(char c) {
  return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string Replaced(std::string_view text, char from, char to) {
  std::string result(text);
  std::replace(result.begin(), result.end(), from, to);
  return result;
}

// "referral_state_" for ReferralState: what every value's name begins with.
std::string ValuePrefix(const EnumDescriptor& type) {
  return Replaced(KebabFromCamel(type.name()), '-', '_') + "_";
}

// "needs_info".
std::string ShortName(const EnumValueDescriptor& value) {
  std::string name(value.name());
  std::transform(name.begin(), name.end(), name.begin(), Lower);
  const std::string prefix = ValuePrefix(*value.type());
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

}  // namespace

std::string EnumWords(const EnumDescriptor& type, int number) {
  if (number == 0) return "";
  const EnumValueDescriptor* value = type.FindValueByNumber(number);
  if (value == nullptr) return base::Cat("unknown (", number, ")");
  return Replaced(ShortName(*value), '_', ' ');
}

std::string EnumChoice(const EnumValueDescriptor& value) {
  return Replaced(ShortName(value), '_', '-');
}

std::vector<std::string> EnumChoices(const EnumDescriptor& type) {
  std::vector<std::string> choices;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) choices.push_back(EnumChoice(*type.value(i)));
  }
  return choices;
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, std::string_view text) {
  std::string wanted(text);
  for (char& c : wanted) c = c == '-' || c == ' ' ? '_' : Lower(c);
  const std::string prefix = ValuePrefix(type);
  if (wanted.rfind(prefix, 0) == 0) wanted.erase(0, prefix.size());
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0 && ShortName(*type.value(i)) == wanted) return type.value(i);
  }
  return nullptr;
}

std::string KebabFromCamel(std::string_view name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool word_begins = IsUpper(name[i]) && i > 0 &&
                             (!IsUpper(name[i - 1]) || (i + 1 < name.size() && !IsUpper(name[i + 1])));
    if (word_begins) result += '-';
    result += Lower(name[i]);
  }
  return result;
}

std::string KebabFromSnake(std::string_view name) {
  return Replaced(name, '_', '-');
}

std::string WordsFromSnake(std::string_view name) {
  return Replaced(name, '_', ' ');
}

}  // namespace waypost::cli
