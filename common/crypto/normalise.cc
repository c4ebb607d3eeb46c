#include "common/crypto/normalise.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include <array>

#include "absl/time/civil_time.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"

namespace waypost::crypto {
namespace {

absl::Status Unusable(std::string_view why) {
  return error::InvalidField("text", why);
}

absl::StatusOr<icu::UnicodeString> Folded(std::string_view text) {
  if (text.size() > kMaxNormaliseBytes) {
    return Unusable(base::Cat("is limited to ", kMaxNormaliseBytes, " bytes; given: ", text.size()));
  }
  if (!base::IsValidUtf8(text)) return Unusable("is not UTF-8");
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  const icu::UnicodeString wide =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  icu::UnicodeString folded = fold->normalize(wide, error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  return folded;
}

// True for the accents and points that people leave out; false for marks that make another letter.
bool IsOptionalMark(UChar32 c) {
  const int32_t mask = U_GET_GC_MASK(c);
  if ((mask & (U_GC_MN_MASK | U_GC_ME_MASK)) == 0) return false;
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &error);
  return U_SUCCESS(error) && (script == USCRIPT_INHERITED || script == USCRIPT_HEBREW ||
                              script == USCRIPT_ARABIC || script == USCRIPT_CYRILLIC);
}

bool BelongsToName(UChar32 c) {
  constexpr UChar32 kTatweel = 0x0640;  // stretches an Arabic word, says nothing
  if (c == kTatweel || IsOptionalMark(c)) return false;
  return (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) != 0;
}

template <typename Keep>
absl::StatusOr<std::string> Collect(const icu::UnicodeString& text, const icu::Normalizer2& compose,
                                    Keep keep) {
  icu::UnicodeString kept;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    const UChar32 c = text.char32At(at);
    if (keep(c)) kept.append(c);
  }
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString composed = compose.normalize(kept, error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  std::string out;
  composed.toUTF8String(out);
  if (out.empty()) return Unusable("has nothing to look up");
  return out;
}

bool AllDigits(std::string_view text) {
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> NormaliseName(std::string_view name) {
  WAYPOST_ASSIGN_OR_RETURN(const icu::UnicodeString folded, Folded(name));
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const decompose = icu::Normalizer2::getNFDInstance(error);
  const icu::Normalizer2* const compose = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  const icu::UnicodeString apart = decompose->normalize(folded, error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  return Collect(apart, *compose, BelongsToName);
}

absl::StatusOr<std::string> NormaliseReference(std::string_view reference) {
  WAYPOST_ASSIGN_OR_RETURN(const icu::UnicodeString folded, Folded(reference));
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const compose = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return Unusable("cannot be normalised");
  return Collect(folded, *compose, [](UChar32 c) { return !u_isUWhiteSpace(c) && !u_iscntrl(c); });
}

bool IsIsoDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  if (!AllDigits(text.substr(0, 4)) || !AllDigits(text.substr(5, 2)) || !AllDigits(text.substr(8, 2)))
    return false;
  const auto number = [text](size_t at, size_t digits) {
    int value = 0;
    for (size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = number(8, 2);
  // CivilDay carries over what is out of range, so a day that does not exist comes back as another.
  const absl::CivilDay civil(year, month, day);
  return year >= 1800 && civil.year() == year && civil.month() == month && civil.day() == day;
}

absl::StatusOr<std::string> NormalisePerson(std::string_view name, std::string_view birth_date) {
  if (!IsIsoDate(birth_date)) return error::InvalidField("birth_date", "is not a date as YYYY-MM-DD");
  WAYPOST_ASSIGN_OR_RETURN(std::string person, NormaliseName(name));
  person.push_back('\0');
  person.append(birth_date);
  return person;
}

}  // namespace waypost::crypto
