// The columns of an import file: what each fills in a SubmitReferralRequest. The flags of `waypost referral
// submit` are the same words with hyphens.
#ifndef WAYPOST_TOOLS_WAYPOST_IMPORT_COLUMNS_H_
#define WAYPOST_TOOLS_WAYPOST_IMPORT_COLUMNS_H_

#include <span>
#include <string_view>

namespace waypost::cli {

// What a column's path begins at.
enum class ColumnOf {
  kCase,      // the column that groups rows
  kRequest,   // SubmitReferralRequest
  kReferral,  // Referral
  kPerson,    // Person
  kSections,  // PersonSections
};

struct ImportColumn {
  // "receiving_body".
  std::string_view name;
  ColumnOf of;
  // "receiving.body".
  std::string_view path;
  std::string_view help;
};

// In the order in which they are documented.
std::span<const ImportColumn> ImportColumns();

// nullptr when there is none.
const ImportColumn* FindImportColumn(std::string_view name);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_IMPORT_COLUMNS_H_
