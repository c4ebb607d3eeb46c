// Spells names, references and dates one way, so that keyed lookups find what people wrote differently.
// Thread-safe; pure.
#ifndef WAYPOST_COMMON_CRYPTO_NORMALISE_H_
#define WAYPOST_COMMON_CRYPTO_NORMALISE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace waypost::crypto {

// Of a text given to any function here.
inline constexpr size_t kMaxNormaliseBytes = 1024;

// Letters and digits only, compatibility forms and case folded (Unicode NFKC_Casefold), accents and vowel
// points of Latin, Greek, Cyrillic, Arabic and Hebrew dropped: "María-José" and "MARIA JOSE" are one name.
// Letters that carry no accent in Unicode (ø, ł, ı) stay what they are. Vowel signs of Indic and other
// scripts are letters in all but name and stay. The order of the words is kept. INVALID_ARGUMENT when `name`
// is not UTF-8, over the limit, or has no letter or digit.
absl::StatusOr<std::string> NormaliseName(std::string_view name);

// A body's own reference: case and compatibility forms folded, white space and controls dropped; punctuation
// counts. Errors as above, when nothing is left.
absl::StatusOr<std::string> NormaliseReference(std::string_view reference);

// True for a day of the Gregorian calendar written YYYY-MM-DD (ISO 8601), years 1800 to 9999.
bool IsIsoDate(std::string_view text);

// Name and birth date as one text to look a person up by. INVALID_ARGUMENT as NormaliseName, or when
// `birth_date` is no IsIsoDate.
absl::StatusOr<std::string> NormalisePerson(std::string_view name, std::string_view birth_date);

}  // namespace waypost::crypto

#endif  // WAYPOST_COMMON_CRYPTO_NORMALISE_H_
