#include "tools/waypost/field_values.h"

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <optional>

#include "absl/strings/numbers.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"
#include "waypost/type/v1/types.pb.h"

namespace waypost::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sets or adds one value.
class Place {
 public:
  Place(Message& message, const FieldDescriptor& field)
      : message_(message), field_(field), reflection_(*message.GetReflection()) {}

  void Text(std::string text) {
    if (field_.is_repeated()) return reflection_.AddString(&message_, &field_, std::move(text));
    reflection_.SetString(&message_, &field_, std::move(text));
  }
  void Bool(bool value) {
    if (field_.is_repeated()) return reflection_.AddBool(&message_, &field_, value);
    reflection_.SetBool(&message_, &field_, value);
  }
  void Int32(int32_t value) {
    if (field_.is_repeated()) return reflection_.AddInt32(&message_, &field_, value);
    reflection_.SetInt32(&message_, &field_, value);
  }
  void UInt32(uint32_t value) {
    if (field_.is_repeated()) return reflection_.AddUInt32(&message_, &field_, value);
    reflection_.SetUInt32(&message_, &field_, value);
  }
  void Int64(int64_t value) {
    if (field_.is_repeated()) return reflection_.AddInt64(&message_, &field_, value);
    reflection_.SetInt64(&message_, &field_, value);
  }
  void UInt64(uint64_t value) {
    if (field_.is_repeated()) return reflection_.AddUInt64(&message_, &field_, value);
    reflection_.SetUInt64(&message_, &field_, value);
  }
  void Enum(int number) {
    if (field_.is_repeated()) return reflection_.AddEnumValue(&message_, &field_, number);
    reflection_.SetEnumValue(&message_, &field_, number);
  }
  Message& Sub() {
    return field_.is_repeated() ? *reflection_.AddMessage(&message_, &field_)
                                : *reflection_.MutableMessage(&message_, &field_);
  }

 private:
  Message& message_;
  const FieldDescriptor& field_;
  const Reflection& reflection_;
};

template <typename Number>
bool ReadNumber(std::string_view text, Number& number) {
  return absl::SimpleAtoi(base::ToAbsl(text), &number);
}

absl::Status SetBool(Place& place, std::string_view text, std::string_view what) {
  const bool yes = text == "true" || text == "yes" || text == "1";
  if (!yes && text != "false" && text != "no" && text != "0") {
    return error::InvalidField(what, "must be true or false");
  }
  place.Bool(yes);
  return absl::OkStatus();
}

absl::Status SetEnum(Place& place, const FieldDescriptor& field, std::string_view text,
                     std::string_view what) {
  const auto* value = FindEnumValue(*field.enum_type(), text);
  if (value == nullptr) {
    std::string choices;
    for (const std::string& choice : EnumChoices(*field.enum_type())) {
      choices += choices.empty() ? choice : ", " + choice;
    }
    return error::InvalidField(what, base::Cat("must be one of ", choices));
  }
  place.Enum(value->number());
  return absl::OkStatus();
}

template <typename Number, typename Setter>
absl::Status SetNumber(std::string_view text, std::string_view what, Setter set) {
  Number number = 0;
  if (!ReadNumber(text, number)) {
    return error::InvalidField(what, base::Cat("must be a whole number within its range, not '", text, "'"));
  }
  set(number);
  return absl::OkStatus();
}

// From "LANGUAGE=TEXT", once for each language.
absl::Status ReadLocalizedText(const std::vector<std::string>& values, std::string_view what,
                               Message& message) {
  type::v1::LocalizedText localized;
  for (const std::string& value : values) {
    const size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      return error::InvalidField(what, "must be LANGUAGE=TEXT, as in es=Vivienda");
    }
    const std::string language = value.substr(0, equals);
    if (!base::IsValidUtf8(value)) return error::InvalidField(what, "is not UTF-8");
    if (localized.original_language().empty()) localized.set_original_language(language);
    if (!localized.mutable_text()->insert({language, value.substr(equals + 1)}).second) {
      return error::InvalidField(what, base::Cat("names the language ", language, " twice"));
    }
  }
  message.CopyFrom(localized);
  return absl::OkStatus();
}

// From "STATUS=DOCUMENT".
absl::Status ReadHeldDocument(const std::string& value, std::string_view what, Message& message) {
  const size_t equals = value.find('=');
  const auto* status = FindEnumValue(*referral::v1::DocumentStatus_descriptor(), value.substr(0, equals));
  if (equals == std::string::npos || status == nullptr) {
    return error::InvalidField(what, "must be held, applied-for or missing and the document: held=Passport");
  }
  if (!base::IsValidUtf8(value)) return error::InvalidField(what, "is not UTF-8");
  referral::v1::HeldDocument document;
  document.set_document(value.substr(equals + 1));
  document.set_status(static_cast<referral::v1::DocumentStatus>(status->number()));
  message.CopyFrom(document);
  return absl::OkStatus();
}

absl::Status SetMessage(Place& place, const FieldDescriptor& field, const std::string& text,
                        const ValueContext& context, std::string_view what) {
  // One of several texts: in one language, or JSON for more.
  const bool is_text = IsMessage(field, "waypost.type.v1.LocalizedText") && text.rfind('{', 0) != 0;
  if (is_text) return ReadLocalizedText({text}, what, place.Sub());
  // As JSON it can have a note.
  const bool is_document = IsMessage(field, "waypost.referral.v1.HeldDocument") && text.rfind('{', 0) != 0;
  if (is_document) return ReadHeldDocument(text, what, place.Sub());
  if (!IsMessage(field, "google.protobuf.Timestamp")) return FromJson(text, what, place.Sub());
  const std::optional<absl::Time> time = ParseTime(text, context.now, context.zone);
  if (!time.has_value()) {
    return error::InvalidField(what,
                               "must be a time: RFC 3339, 2026-03-01 14:05, 2026-03-01, or a span as 14d");
  }
  place.Sub().CopyFrom(ToTimestamp(*time));
  return absl::OkStatus();
}

absl::Status SetOne(Message& message, const FieldDescriptor& field, const std::string& text,
                    const ValueContext& context, std::string_view what) {
  Place place(message, field);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (!base::IsValidUtf8(text)) return error::InvalidField(what, "is not UTF-8");
      place.Text(text);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(place, text, what);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(place, field, text, what);
    case FieldDescriptor::CPPTYPE_INT32:
      return SetNumber<int32_t>(text, what, [&place](int32_t number) { place.Int32(number); });
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetNumber<uint32_t>(text, what, [&place](uint32_t number) { place.UInt32(number); });
    case FieldDescriptor::CPPTYPE_INT64:
      return SetNumber<int64_t>(text, what, [&place](int64_t number) { place.Int64(number); });
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetNumber<uint64_t>(text, what, [&place](uint64_t number) { place.UInt64(number); });
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(place, field, text, context, what);
    default:
      return error::InvalidField(what, "has a type that can be given in JSON only");
  }
}

}  // namespace

bool IsMessage(const FieldDescriptor& field, std::string_view type_name) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == type_name;
}

absl::Status SetField(Message& message, const FieldDescriptor& field, const std::vector<std::string>& values,
                      const ValueContext& context, std::string_view what) {
  message.GetReflection()->ClearField(&message, &field);
  if (!field.is_repeated() && IsMessage(field, "waypost.type.v1.LocalizedText")) {
    return ReadLocalizedText(values, what, Place(message, field).Sub());
  }
  if (!field.is_repeated() && values.size() != 1) return error::InvalidField(what, "is given more than once");
  for (const std::string& value : values) {
    WAYPOST_RETURN_IF_ERROR(SetOne(message, field, value, context, what));
  }
  return absl::OkStatus();
}

}  // namespace waypost::cli
