// How the same person is recognised in two referrals of one body: by name and birth date, spelled one way and
// then hashed under a key of that body. Pure; thread-safe.
#ifndef WAYPOST_SERVICES_REFERRAL_PERSON_LOOKUP_H_
#define WAYPOST_SERVICES_REFERRAL_PERSON_LOOKUP_H_

#include <optional>
#include <string>
#include <string_view>

#include "waypost/referral/v1/referral.pb.h"

namespace waypost::referral {

// What a person is looked up by: the words of the name, case, accents and their order apart, and the birth
// date. Nothing without both, or where the name has no letter or is too long to be compared.
std::optional<std::string> LookupTextOf(const v1::PersonDetails& details);

// The date with day and month changed over, as it is often written down; nothing where that is no other date.
std::optional<std::string> SwappedDate(std::string_view birth_date);

}  // namespace waypost::referral

#endif  // WAYPOST_SERVICES_REFERRAL_PERSON_LOOKUP_H_
