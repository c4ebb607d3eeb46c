#include "services/referral/person_lookup.h"

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "common/crypto/normalise.h"

namespace waypost::referral {
namespace {

// What parts the words of a name: given and family names, double names, "O'Brien".
constexpr std::string_view kBetweenWords = " \t\r\n-'.,";

void AddWords(std::string_view name, std::vector<std::string>& words) {
  for (size_t at = name.find_first_not_of(kBetweenWords); at != std::string_view::npos;) {
    const size_t end = std::min(name.find_first_of(kBetweenWords, at), name.size());
    // What has no letter or digit says nothing.
    const auto word = crypto::NormaliseName(name.substr(at, end - at));
    if (word.ok()) words.push_back(*word);
    at = name.find_first_not_of(kBetweenWords, end);
  }
}

}  // namespace

std::optional<std::string> LookupTextOf(const v1::PersonDetails& details) {
  std::vector<std::string> words;
  AddWords(details.given_name(), words);
  AddWords(details.family_name(), words);
  std::sort(words.begin(), words.end());
  std::string name;
  for (const std::string& word : words) name += base::Cat(name.empty() ? "" : " ", word);
  auto text = crypto::NormalisePerson(name, details.birth_date());
  if (!text.ok()) return std::nullopt;
  return *std::move(text);
}

std::optional<std::string> SwappedDate(std::string_view birth_date) {
  if (!crypto::IsIsoDate(birth_date)) return std::nullopt;
  const std::string swapped =
      base::Cat(birth_date.substr(0, 5), birth_date.substr(8, 2), "-", birth_date.substr(5, 2));
  if (swapped == birth_date || !crypto::IsIsoDate(swapped)) return std::nullopt;
  return swapped;
}

}  // namespace waypost::referral
