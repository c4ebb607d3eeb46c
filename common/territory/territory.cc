#include "common/territory/territory.h"

#include <algorithm>

namespace waypost::territory {
namespace {

constexpr size_t kCountryBytes = 2;
constexpr size_t kNuts3Bytes = 5;

bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsUpperOrDigit(char c) {
  return IsUpper(c) || (c >= '0' && c <= '9');
}
bool IsLocal(char c) {
  return IsUpperOrDigit(c) || c == '-' || c == '.';
}

std::string_view NutsPart(std::string_view code) {
  return code.substr(0, code.find('/'));
}

bool IsNuts(std::string_view nuts) {
  return nuts.size() >= kCountryBytes && nuts.size() <= kNuts3Bytes && IsUpper(nuts[0]) && IsUpper(nuts[1]) &&
         std::all_of(nuts.begin(), nuts.end(), IsUpperOrDigit);
}

}  // namespace

bool IsTerritory(std::string_view code) {
  if (code == kWholeUnion) return true;
  if (code.size() > kMaxTerritoryBytes) return false;
  const std::string_view nuts = NutsPart(code);
  if (!IsNuts(nuts) || nuts.starts_with(kWholeUnion)) return false;
  std::string_view rest = code.substr(nuts.size());
  if (!rest.empty() && nuts.size() != kNuts3Bytes) return false;
  int parts = 0;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const std::string_view part = NutsPart(rest);
    if (part.empty() || !std::all_of(part.begin(), part.end(), IsLocal)) return false;
    if (++parts > kMaxLocalParts) return false;
    rest.remove_prefix(part.size());
  }
  return true;
}

bool Covers(std::string_view wide, std::string_view narrow) {
  if (wide == kWholeUnion) return true;
  if (!narrow.starts_with(wide)) return false;
  if (narrow.size() == wide.size()) return true;
  // A NUTS code covers every code that it begins; a local code ends where its name ends.
  return wide.find('/') == std::string_view::npos || narrow[wide.size()] == '/';
}

std::vector<std::string_view> CoveringCodes(std::string_view code) {
  std::vector<std::string_view> codes;
  if (code == kWholeUnion) return {kWholeUnion};
  while (code.find('/') != std::string_view::npos) {
    codes.push_back(code);
    code = code.substr(0, code.rfind('/'));
  }
  for (size_t size = code.size(); size >= kCountryBytes; --size) codes.push_back(code.substr(0, size));
  codes.push_back(kWholeUnion);
  return codes;
}

int TerritoryDepth(std::string_view code) {
  if (code == kWholeUnion) return 0;
  const auto local_parts = std::count(code.begin(), code.end(), '/');
  return static_cast<int>(NutsPart(code).size() - kCountryBytes + 1) + static_cast<int>(local_parts);
}

}  // namespace waypost::territory
