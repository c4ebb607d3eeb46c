// What the schemas of HSDS 3.0 say of the fields of a service and of all that can stand in one: their types,
// the words that some of them take, and which are required.
#ifndef WAYPOST_TOOLS_WAYPOST_HSDS_SCHEMA_H_
#define WAYPOST_TOOLS_WAYPOST_HSDS_SCHEMA_H_

#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "tools/waypost/hsds_package.h"

namespace waypost::cli {

// One kind of object, as "phone". Lists of words, parted by blanks; a list or object is "field:kind", and a
// text of certain words "field=word|word".
struct HsdsShape {
  std::string_view kind;
  std::string_view required;
  std::string_view texts;
  std::string_view numbers;
  std::string_view lists;
  std::string_view objects;
  std::string_view words;
};

// All of them.
std::span<const HsdsShape> HsdsShapes();

// Thread-safe once made.
class HsdsSchema {
 public:
  HsdsSchema();
  ~HsdsSchema();
  HsdsSchema(const HsdsSchema&) = delete;
  HsdsSchema& operator=(const HsdsSchema&) = delete;

  // Adds a report, with the value, for every known field of service.document that is not of its type or not
  // one of its words; where `strict`, also for every required one that is missing. A known field that is null
  // is absent and taken away. Fields that are not known may be anything.
  void Hold(HsdsService& service, bool strict, std::vector<HsdsReport>& reports) const;

  // The parts of a shape; for the implementation.
  struct Shape;

 private:
  const std::map<std::string_view, Shape> shapes_;
};

// Holds every service of a package to the schema; those that are not as it says move to its reports.
void HoldToSchema(HsdsPackage& package, bool strict);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_HSDS_SCHEMA_H_
