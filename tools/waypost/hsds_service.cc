#include "tools/waypost/hsds_service.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "absl/time/time.h"
#include "common/base/abseil.h"
#include "common/base/strings.h"
#include "tools/waypost/hsds_json.h"

namespace waypost::cli {
namespace {

using nlohmann::json;

constexpr std::array<HsdsStatus, 4> kStatuses = {HsdsStatus::kActive, HsdsStatus::kInactive,
                                                 HsdsStatus::kDefunct, HsdsStatus::kTemporarilyClosed};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsAlphanumeric(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsDay(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto number = [text](size_t begin, size_t size) {
    int value = 0;
    for (const char c : text.substr(begin, size))
      value = IsDigit(c) && value >= 0 ? value * 10 + c - '0' : -1;
    return value;
  };
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = number(8, 2);
  if (year < 1 || month < 1 || day < 1) return false;
  return std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(unsigned(month)),
                                     std::chrono::day(unsigned(day)))
      .ok();
}

// RFC 3339 with an offset. Abseil alone would take blanks and words as well.
bool IsTime(std::string_view text) {
  if (text.size() < 20 || text.size() > 40 || !IsDay(text.substr(0, 10)) || text[10] != 'T') return false;
  const bool is_end_right = text.back() == 'Z' || IsDigit(text.back());
  absl::Time time;
  return is_end_right && absl::ParseTime(absl::RFC3339_full, base::ToAbsl(text), &time, nullptr);
}

// ISO 639 with two or three letters, perhaps with parts of one to eight characters after hyphens.
bool IsLanguageCode(std::string_view text) {
  const size_t letters = std::min(text.find('-'), text.size());
  if (letters < 2 || letters > 3 || text.size() > 35) return false;
  for (const char c : text.substr(0, letters)) {
    if (!IsAlphanumeric(c) || IsDigit(c)) return false;
  }
  size_t part = 1;
  for (const char c : text.substr(letters)) {
    if (c != '-' && !IsAlphanumeric(c)) return false;
    if (c == '-' && part == 0) return false;
    part = c == '-' ? 0 : part + 1;
    if (part > 8) return false;
  }
  return part != 0;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool HasControl(std::string_view text, bool may_break) {
  return std::any_of(text.begin(), text.end(), [may_break](char c) {
    const bool is_break = c == '\n' || c == '\r' || c == '\t';
    return (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) && !(may_break && is_break);
  });
}

struct TextRule {
  size_t bytes_max;
  bool required = false;
  bool may_break = false;  // into lines
};

constexpr TextRule kId = {.bytes_max = kMaxHsdsIdBytes, .required = true};
constexpr TextRule kName = {.bytes_max = kMaxHsdsNameBytes, .required = true};
constexpr TextRule kShort = {.bytes_max = kMaxHsdsNameBytes};
constexpr TextRule kLong = {.bytes_max = kMaxHsdsTextBytes, .may_break = true};

// The fields of one object. Remembers which of them were asked for.
class Fields {
 public:
  // `within` is the pointer of the object in its service.
  Fields(const json& object, size_t row, std::string pointer, std::string within,
         std::vector<HsdsReport>& reports)
      : object_(object),
        row_(row),
        pointer_(std::move(pointer)),
        within_(std::move(within)),
        reports_(reports) {}

  const std::string& pointer() const { return pointer_; }
  size_t row() const { return row_; }
  std::vector<HsdsReport>& reports() const { return reports_; }

  void Report(std::string_view field, std::string_view problem) const {
    const auto value = object_.is_object() ? object_.find(field) : object_.end();
    reports_.push_back({.row = row_,
                        .pointer = pointer_ + HsdsPointerStep(field),
                        .problem = std::string(problem),
                        .value = HsdsValueText(value == object_.end() ? nullptr : &*value)});
  }
  void ReportItself(std::string_view problem) const {
    reports_.push_back({.row = row_, .pointer = pointer_, .problem = std::string(problem)});
  }

  // nullptr when it is absent.
  const json* Find(const char* field) {
    mapped_.insert(field);
    return HsdsMember(object_, field);
  }

  // Empty when it is absent or was reported.
  std::string Text(const char* field, const TextRule& rule) {
    const json* const value = Find(field);
    if (value == nullptr) {
      if (rule.required) Report(field, "is missing: give it");
      return "";
    }
    if (!value->is_string()) {
      Report(field, rule.required ? "is not a text: give one" : "is not a text: give one or leave it out");
      return "";
    }
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > rule.bytes_max) {
      Report(field, base::Cat("has more than ", rule.bytes_max, " bytes: shorten it"));
    } else if (rule.required && IsBlank(text)) {
      Report(field, "is empty: give it");
    } else if (HasControl(text, rule.may_break)) {
      Report(field, "has control characters: take them out");
    } else {
      return text;
    }
    return "";
  }

  // An array of at most `items_max`; nullptr when it is absent or was reported.
  const json* List(const char* field, size_t items_max) {
    const json* const value = Find(field);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) {
      Report(field, "is not an array: give one or leave it out");
    } else if (value->size() > items_max) {
      Report(field, base::Cat("has more than ", items_max, " items: keep as many"));
    } else {
      return value;
    }
    return nullptr;
  }

  // What nobody asked for.
  void Keep(HsdsUnmapped& unmapped) const {
    for (const auto& [name, value] : object_.items()) {
      if (mapped_.contains(name) || value.is_null()) continue;
      unmapped[within_ + HsdsPointerStep(name)] = value.dump(-1, ' ', false, json::error_handler_t::replace);
    }
  }

 private:
  const json& object_;
  const size_t row_;
  const std::string pointer_;
  const std::string within_;
  std::vector<HsdsReport>& reports_;
  std::set<std::string> mapped_;
};

// Calls `read` with the fields of each object of a list, and keeps what it did not ask for.
template <typename Read>
void ForEachObject(Fields& service, const char* field, size_t items_max, HsdsUnmapped& unmapped,
                   const Read& read) {
  const json* const list = service.List(field, items_max);
  if (list == nullptr) return;
  size_t index = 0;
  for (const json& item : *list) {
    const std::string within = base::Cat("/", field, "/", index++);
    Fields fields(item, service.row(), service.pointer() + within, within, service.reports());
    if (!item.is_object()) {
      fields.ReportItself("is not an object: give one or take it out");
      continue;
    }
    read(fields);
    fields.Keep(unmapped);
  }
}

void ReadStatus(Fields& fields, HsdsService& service) {
  const std::string text = fields.Text("status", kName);
  if (text.empty()) return;  // was reported
  for (const HsdsStatus status : kStatuses) {
    if (HsdsStatusWords(status) != text) continue;
    service.status = status;
    return;
  }
  fields.Report("status", "is not known: give active, inactive, defunct or temporarily closed");
}

std::optional<double> ReadAge(Fields& fields, const char* field) {
  const json* const value = fields.Find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fields.Report(field, "is not a number: give one or leave it out");
    return std::nullopt;
  }
  const double age = value->get<double>();
  if (age >= 0 && age <= kMaxHsdsAge) return age;
  fields.Report(field, base::Cat("is no age from 0 to ", kMaxHsdsAge, ": correct it or leave it out"));
  return std::nullopt;
}

void ReadEligibility(Fields& fields, HsdsService& service) {
  service.minimum_age = ReadAge(fields, "minimum_age");
  service.maximum_age = ReadAge(fields, "maximum_age");
  if (service.minimum_age.has_value() && service.maximum_age.has_value() &&
      *service.minimum_age > *service.maximum_age) {
    fields.Report("minimum_age", "is more than maximum_age: correct one of them");
  }
  service.eligibility_description = fields.Text("eligibility_description", kLong);
}

// A whole number of places.
std::optional<int64_t> ReadPlaces(Fields& fields, const char* field, bool required) {
  const json* const value = fields.Find(field);
  if (value == nullptr) {
    if (required) fields.Report(field, "is missing: give it");
    return std::nullopt;
  }
  if (!value->is_number()) {
    fields.Report(field, "is not a number: give a whole one");
    return std::nullopt;
  }
  const double places = value->get<double>();
  if (places < 0) {
    fields.Report(field, "is negative: correct it");
  } else if (places > static_cast<double>(kMaxHsdsPlaces)) {
    fields.Report(field, base::Cat("is more than ", kMaxHsdsPlaces, ": correct it"));
  } else if (places != std::floor(places)) {
    fields.Report(field, "is a fraction: give a whole number");
  } else {
    return static_cast<int64_t>(places);
  }
  return std::nullopt;
}

HsdsCapacity ReadCapacity(Fields& fields) {
  HsdsCapacity capacity;
  capacity.available = ReadPlaces(fields, "available", true).value_or(0);
  capacity.maximum = ReadPlaces(fields, "maximum", false);
  if (capacity.maximum.has_value() && capacity.available > *capacity.maximum) {
    fields.Report("available", "is more than maximum: correct one of them");
  }
  capacity.updated = fields.Text("updated", kShort);
  if (!capacity.updated.empty() && !IsDay(capacity.updated) && !IsTime(capacity.updated)) {
    fields.Report("updated", "is no day (YYYY-MM-DD) and no time with an offset: correct it or leave it out");
  }
  return capacity;
}

void ReadLists(Fields& fields, HsdsService& service) {
  ForEachObject(fields, "languages", kMaxHsdsLanguages, service.unmapped, [&service](Fields& item) {
    const size_t before = item.reports().size();
    const HsdsLanguage language = {item.Text("code", kShort), item.Text("name", kShort)};
    if (item.reports().size() != before) return;
    if (!language.code.empty() && !IsLanguageCode(language.code)) {
      item.Report("code", "is no language code of ISO 639: correct it or leave it out");
    } else if (language.code.empty() && IsBlank(language.name)) {
      item.ReportItself("has neither a code nor a name: give one");
    }
    service.languages.push_back(language);
  });
  ForEachObject(fields, "required_documents", kMaxHsdsDocuments, service.unmapped, [&service](Fields& item) {
    service.required_documents.push_back(item.Text("document", kName));
  });
  // The table is service_capacity; services name their list either way.
  for (const char* const field : {"service_capacities", "capacities"}) {
    ForEachObject(fields, field, kMaxHsdsCapacities, service.unmapped,
                  [&service](Fields& item) { service.capacities.push_back(ReadCapacity(item)); });
  }
  if (fields.Find("service_capacities") != nullptr && fields.Find("capacities") != nullptr) {
    fields.Report("capacities", "is there beside service_capacities: keep one of them");
  }
}

// The organization may be around the service, within it, or named by its id: all must agree.
void ReadOrganizations(Fields& fields, HsdsService& service) {
  const bool is_within = !service.organization.id.empty();
  const auto agree = [&](const std::string& pointer_field, const std::string& id) {
    if (id.empty()) return;
    if (service.organization.id.empty()) service.organization.id = id;
    if (service.organization.id == id) return;
    fields.Report(pointer_field, "names another organization than the one given elsewhere: correct one");
  };
  if (const json* const own = fields.Find("organization"); own != nullptr) {
    Fields organization(*own, service.row, fields.pointer() + "/organization", "/organization",
                        fields.reports());
    if (!own->is_object()) {
      organization.ReportItself("is not an object: give one or leave it out");
    } else {
      const std::string id = organization.Text("id", kId);
      const std::string name = organization.Text("name", kName);
      agree("organization", id);
      if (!is_within) service.organization.name = name;
      organization.Keep(service.unmapped);
    }
  }
  if (fields.Find("organization_id") != nullptr)
    agree("organization_id", fields.Text("organization_id", kId));
}

}  // namespace

HsdsOrganization ReadHsdsOrganization(const json& object, const std::string& pointer,
                                      std::vector<HsdsReport>& reports) {
  Fields fields(object, 0, pointer, "", reports);
  return {fields.Text("id", kId), fields.Text("name", kName)};
}

void ReadHsdsService(const json& object, HsdsService& service, std::vector<HsdsReport>& reports) {
  Fields fields(object, service.row, service.pointer, "", reports);
  if (!object.is_object()) return fields.ReportItself("is not an object: give a service");
  service.id = fields.Text("id", kId);
  service.name = fields.Text("name", kName);
  service.description = fields.Text("description", kLong);
  ReadStatus(fields, service);
  ReadEligibility(fields, service);
  ReadLists(fields, service);
  service.assured_date = fields.Text("assured_date", kShort);
  if (!service.assured_date.empty() && !IsDay(service.assured_date)) {
    fields.Report("assured_date", "is no day (YYYY-MM-DD): correct it or leave it out");
  }
  ReadOrganizations(fields, service);
  fields.Keep(service.unmapped);
}

}  // namespace waypost::cli
