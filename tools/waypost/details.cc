#include "tools/waypost/details.h"

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"

namespace waypost::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A label with a value beside it, or lines below it.
struct Line {
  std::string label;
  std::string value;
  std::vector<Line> below;
};

std::vector<Line> LinesOf(const Message& message, absl::TimeZone zone);

std::string Scalar(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool many = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text =
          many ? reflection.GetRepeatedString(message, &field, index) : reflection.GetString(message, &field);
      return field.type() == FieldDescriptor::TYPE_BYTES ? base::ToHex(text) : Printable(text, true);
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWords(*field.enum_type(), many ? reflection.GetRepeatedEnumValue(message, &field, index)
                                                : reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return (many ? reflection.GetRepeatedBool(message, &field, index) : reflection.GetBool(message, &field))
                 ? "yes"
                 : "no";
    case FieldDescriptor::CPPTYPE_INT32:
      return base::Cat(many ? reflection.GetRepeatedInt32(message, &field, index)
                            : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return base::Cat(many ? reflection.GetRepeatedUInt32(message, &field, index)
                            : reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return base::Cat(many ? reflection.GetRepeatedInt64(message, &field, index)
                            : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return base::Cat(many ? reflection.GetRepeatedUInt64(message, &field, index)
                            : reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return base::Cat(many ? reflection.GetRepeatedDouble(message, &field, index)
                            : reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return base::Cat(many ? reflection.GetRepeatedFloat(message, &field, index)
                            : reflection.GetFloat(message, &field));
    default:
      return "";
  }
}

std::vector<Line> Languages(const type::v1::LocalizedText& localized) {
  std::vector<Line> lines;
  for (const auto& [language, text] : localized.text())
    lines.push_back({language, Printable(text, true), {}});
  std::sort(lines.begin(), lines.end(), [&localized](const Line& a, const Line& b) {
    const bool a_first = a.label == localized.original_language();
    const bool b_first = b.label == localized.original_language();
    return a_first != b_first ? a_first : a.label < b.label;
  });
  return lines;
}

Line OfMessage(std::string label, const Message& message, absl::TimeZone zone) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    google::protobuf::Timestamp time;
    time.CopyFrom(message);
    return {std::move(label), ShowTime(time, zone), {}};
  }
  if (message.GetDescriptor() == type::v1::LocalizedText::descriptor()) {
    type::v1::LocalizedText localized;
    localized.CopyFrom(message);
    return {std::move(label), "", Languages(localized)};
  }
  return {std::move(label), "", LinesOf(message, zone)};
}

void AddRepeated(const Message& message, const FieldDescriptor& field, absl::TimeZone zone,
                 std::vector<Line>& lines) {
  const Reflection& reflection = *message.GetReflection();
  const int count = reflection.FieldSize(message, &field);
  const std::string label = WordsFromSnake(field.name());
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    std::string all;
    for (int i = 0; i < count; ++i) all += (i == 0 ? "" : ", ") + Scalar(message, field, i);
    lines.push_back({label, all, {}});
    return;
  }
  for (int i = 0; i < count; ++i) {
    lines.push_back(
        OfMessage(base::Cat(label, " ", i + 1), reflection.GetRepeatedMessage(message, &field, i), zone));
  }
}

// A number that tells something also when it is 0.
bool TellsZero(const FieldDescriptor& field) {
  const std::string& type = field.containing_type()->full_name();
  return (type == "waypost.directory.v1.Capacity" && field.cpp_type() == FieldDescriptor::CPPTYPE_INT32) ||
         (type == "waypost.audit.v1.TreeHead" && field.name() == "tree_size");
}

// The fields that are shown, in the order of their numbers.
std::vector<const FieldDescriptor*> ShownFields(const Message& message) {
  std::vector<const FieldDescriptor*> shown;
  message.GetReflection()->ListFields(message, &shown);
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (TellsZero(*field) && !message.GetReflection()->HasField(message, field)) shown.push_back(field);
  }
  std::sort(shown.begin(), shown.end(),
            [](const FieldDescriptor* a, const FieldDescriptor* b) { return a->number() < b->number(); });
  return shown;
}

std::vector<Line> LinesOf(const Message& message, absl::TimeZone zone) {
  std::vector<Line> lines;
  for (const FieldDescriptor* field : ShownFields(message)) {
    if (field->is_repeated()) {
      AddRepeated(message, *field, zone, lines);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      lines.push_back(OfMessage(WordsFromSnake(field->name()),
                                message.GetReflection()->GetMessage(message, field), zone));
    } else {
      lines.push_back({WordsFromSnake(field->name()), Scalar(message, *field, -1), {}});
    }
  }
  return lines;
}

// `value` with its further lines under the first.
std::string Hanging(std::string_view value, size_t indent) {
  std::string text;
  for (const char c : value) {
    text += c;
    if (c == '\n') text.append(indent, ' ');
  }
  return text;
}

void Write(const std::vector<Line>& lines, size_t indent, std::string& text) {
  size_t widest = 0;
  for (const Line& line : lines) {
    if (line.below.empty()) widest = std::max(widest, DisplayWidth(line.label));
  }
  for (const Line& line : lines) {
    text.append(indent, ' ').append(line.label);
    if (line.below.empty()) {
      const size_t gap = widest - DisplayWidth(line.label) + 2;
      if (!line.value.empty()) text.append(gap, ' ').append(Hanging(line.value, indent + widest + 2));
      text += '\n';
    } else {
      text += '\n';
      Write(line.below, indent + 2, text);
    }
  }
}

}  // namespace

std::string Details(const Message& message, absl::TimeZone zone) {
  std::string text;
  Write(LinesOf(message, zone), 0, text);
  return text;
}

std::string Original(const type::v1::LocalizedText& text) {
  const std::vector<Line> languages = Languages(text);
  return languages.empty() ? "" : languages.front().value;
}

}  // namespace waypost::cli
