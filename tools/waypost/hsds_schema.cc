#include "tools/waypost/hsds_schema.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "common/base/strings.h"
#include "tools/waypost/hsds_json.h"

namespace waypost::cli {
namespace {

using nlohmann::json;

// A blank within a word is an underscore here.
constexpr HsdsShape kShapes[] = {
    {"service", "id name status",
     "id organization_id program_id name alternate_name description url email "
     "interpretation_services application_process fees_description wait_time fees "
     "accreditations eligibility_description assured_date assurer_email licenses alert "
     "last_modified",
     "minimum_age maximum_age",
     "phones:phone schedules:schedule service_areas:service_area "
     "service_at_locations:service_at_location languages:language funding:funding "
     "cost_options:cost_option required_documents:required_document contacts:contact "
     "attributes:attribute metadata:metadata",
     "organization:organization program:program", "status=active|inactive|defunct|temporarily_closed"},
    {"accessibility", "id", "id location_id description details url", "",
     "attributes:attribute metadata:metadata", "", ""},
    {"address", "id address_1 city state_province postal_code country address_type",
     "id location_id attention address_1 address_2 city region state_province postal_code "
     "country",
     "", "attributes:attribute metadata:metadata", "", "address_type=physical|postal|virtual"},
    {"attribute", "id", "id link_id taxonomy_term_id link_type link_entity value", "", "metadata:metadata",
     "taxonomy_term:taxonomy_term", ""},
    {"contact", "id",
     "id organization_id service_id service_at_location_id location_id name title department "
     "email",
     "", "phones:phone attributes:attribute metadata:metadata", "", ""},
    {"cost_option", "id", "id service_id valid_from valid_to option currency amount_description", "amount",
     "attributes:attribute metadata:metadata", "", ""},
    {"funding", "id", "id organization_id service_id source", "", "attributes:attribute metadata:metadata",
     "", ""},
    {"language", "id", "id service_id location_id phone_id name code note", "",
     "attributes:attribute metadata:metadata", "", ""},
    {"location", "id location_type",
     "id url organization_id name alternate_name description transportation "
     "external_identifier external_identifier_type",
     "latitude longitude",
     "languages:language addresses:address contacts:contact accessibility:accessibility "
     "phones:phone schedules:schedule attributes:attribute metadata:metadata",
     "", "location_type=physical|postal|virtual"},
    {"metadata",
     "id last_action_date last_action_type field_name previous_value replacement_value "
     "updated_by",
     "id resource_id resource_type last_action_date last_action_type field_name previous_value "
     "replacement_value updated_by",
     "", "", "", ""},
    {"organization", "id name description",
     "id name alternate_name description email website tax_status tax_id legal_status logo uri "
     "parent_organization_id",
     "year_incorporated",
     "funding:funding contacts:contact phones:phone locations:location programs:program "
     "organization_identifiers:organization_identifier attributes:attribute metadata:metadata "
     "services:service",
     "", ""},
    {"organization_identifier", "id identifier_type identifier",
     "id organization_id identifier_scheme identifier_type identifier", "",
     "attributes:attribute metadata:metadata", "", ""},
    {"phone", "id number",
     "id location_id service_id organization_id contact_id service_at_location_id number type "
     "description",
     "extension", "languages:language attributes:attribute metadata:metadata", "", ""},
    {"program", "id name description", "id organization_id name alternate_name description", "",
     "attributes:attribute metadata:metadata", "", ""},
    {"required_document", "id", "id service_id document uri", "", "attributes:attribute metadata:metadata",
     "", ""},
    {"schedule", "id",
     "id service_id location_id service_at_location_id valid_from valid_to dtstart until byday "
     "byweekno bymonthday byyearday description opens_at closes_at schedule_link "
     "attending_type notes",
     "timezone count interval", "attributes:attribute metadata:metadata", "",
     "wkst=MO|TU|WE|TH|FR|SA|SU freq=WEEKLY|MONTHLY"},
    {"service_area", "id", "id service_id name description extent extent_type uri", "",
     "attributes:attribute metadata:metadata", "", ""},
    {"service_at_location", "id", "id service_id location_id description", "",
     "contacts:contact phones:phone schedules:schedule attributes:attribute metadata:metadata",
     "location:location", ""},
    {"taxonomy", "id name description", "id name description uri version", "", "metadata:metadata", "", ""},
    {"taxonomy_term", "id name description",
     "id code name description parent_id taxonomy language taxonomy_id term_uri", "", "metadata:metadata",
     "taxonomy_detail:taxonomy", ""},
};

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

enum class Type { kText, kNumber, kList, kObject };

struct Field {
  Type type = Type::kText;
  // Of what is in a list or is an object.
  std::string_view kind;
  // Empty: any text.
  std::set<std::string> words;
};

}  // namespace

struct HsdsSchema::Shape {
  std::vector<std::string_view> required;
  std::map<std::string_view, Field> fields;
};

namespace {

using Shape = HsdsSchema::Shape;
using Shapes = std::map<std::string_view, Shape>;

Shape Read(const HsdsShape& row) {
  Shape shape;
  shape.required = Split(row.required, ' ');
  for (const std::string_view name : Split(row.texts, ' ')) shape.fields[name];
  for (const std::string_view name : Split(row.numbers, ' ')) shape.fields[name].type = Type::kNumber;
  for (const auto& [list, type] : {std::pair(row.lists, Type::kList), {row.objects, Type::kObject}}) {
    for (const std::string_view word : Split(list, ' ')) {
      const size_t colon = word.find(':');
      shape.fields[word.substr(0, colon)] = {.type = type, .kind = word.substr(colon + 1), .words = {}};
    }
  }
  for (const std::string_view word : Split(row.words, ' ')) {
    const size_t equals = word.find('=');
    Field& field = shape.fields[word.substr(0, equals)];
    for (const std::string_view value : Split(word.substr(equals + 1), '|')) {
      std::string text(value);
      std::replace(text.begin(), text.end(), '_', ' ');
      field.words.insert(std::move(text));
    }
  }
  return shape;
}

Shapes ReadShapes() {
  Shapes shapes;
  for (const HsdsShape& row : kShapes) shapes[row.kind] = Read(row);
  return shapes;
}

// Goes through one service.
class Holding {
 public:
  Holding(const Shapes& shapes, const HsdsService& service, bool strict, std::vector<HsdsReport>& reports)
      : shapes_(shapes), service_(service), strict_(strict), reports_(reports) {}

  void Object(std::string_view kind, json& object, const std::string& pointer) {
    if (!object.is_object()) return Report(pointer, "is not an object: give one or leave it out", object);
    const Shape& shape = shapes_.at(kind);
    for (auto member = object.begin(); member != object.end();) {
      const auto field = shape.fields.find(member.key());
      if (field != shape.fields.end() && member->is_null()) {
        member = object.erase(member);
        continue;
      }
      if (field != shape.fields.end()) {
        Value(field->second, *member, pointer + HsdsPointerStep(member.key()));
      }
      ++member;
    }
    for (const std::string_view name : strict_ ? shape.required : std::vector<std::string_view>()) {
      if (!object.contains(std::string(name)))
        Report(pointer + HsdsPointerStep(name), "is missing: give it", nullptr);
    }
  }

 private:
  void Value(const Field& field, json& value, const std::string& pointer) {
    switch (field.type) {
      case Type::kText:
        if (!value.is_string()) return Report(pointer, "is not a text: give one or leave it out", value);
        if (field.words.empty() || field.words.contains(value.get_ref<const std::string&>())) return;
        return Report(pointer, base::Cat("is none of ", Words(field), ": give one of them"), value);
      case Type::kNumber:
        if (!value.is_number()) Report(pointer, "is not a number: give one or leave it out", value);
        return;
      case Type::kObject:
        return Object(field.kind, value, pointer);
      case Type::kList:
        if (!value.is_array()) return Report(pointer, "is not an array: give one or leave it out", value);
        for (size_t i = 0; i < value.size(); ++i) Object(field.kind, value[i], base::Cat(pointer, "/", i));
    }
  }

  static std::string Words(const Field& field) {
    std::string words;
    for (const std::string& word : field.words) words += base::Cat(words.empty() ? "" : ", ", word);
    return words;
  }

  void Report(const std::string& pointer, std::string problem, const json& value) {
    reports_.push_back({.row = service_.row,
                        .pointer = pointer,
                        .problem = std::move(problem),
                        .id = service_.id,
                        .value = HsdsValueText(&value)});
  }

  const Shapes& shapes_;
  const HsdsService& service_;
  const bool strict_;
  std::vector<HsdsReport>& reports_;
};

}  // namespace

std::span<const HsdsShape> HsdsShapes() {
  return kShapes;
}

HsdsSchema::HsdsSchema() : shapes_(ReadShapes()) {}
HsdsSchema::~HsdsSchema() = default;

void HsdsSchema::Hold(HsdsService& service, bool strict, std::vector<HsdsReport>& reports) const {
  json document = std::move(service.document);
  Holding(shapes_, service, strict, reports).Object("service", document, service.pointer);
  service.document = std::move(document);
}

void HoldToSchema(HsdsPackage& package, bool strict) {
  const HsdsSchema schema;
  std::vector<HsdsService> right;
  for (HsdsService& service : package.services) {
    const size_t before = package.reports.size();
    schema.Hold(service, strict, package.reports);
    if (package.reports.size() == before) right.push_back(std::move(service));
  }
  package.services = std::move(right);
  std::stable_sort(package.reports.begin(), package.reports.end(),
                   [](const HsdsReport& a, const HsdsReport& b) { return a.row < b.row; });
}

}  // namespace waypost::cli
