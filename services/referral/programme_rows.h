// Which offers are under which programme, as the replica of the directory keeps it, and which walks over
// referrals and enrolments a change of that asks for. Every function works within the caller's snapshot or
// transaction; none keeps state.
//
//   ("prog.offer", programme, offer)   empty
//   ("prog.walk", resource)            ProgrammeWalkRecord, until the walk has ended: a programme, of whose
//                                      offers each is to be walked; an offer, of whose open referrals each is
//                                      to be looked at; EnrolmentsIn of it, the same of its open enrolments;
//                                      kAllReferrals or kAllEnrolments
//   ("prog.generation")                how many walks were asked for
//   ("prog.first")                     empty: the walk over all referrals was asked for
//   ("prog.first.enrolments")          empty: that over all enrolments was
#ifndef WAYPOST_SERVICES_REFERRAL_PROGRAMME_ROWS_H_
#define WAYPOST_SERVICES_REFERRAL_PROGRAMME_ROWS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/store.h"
#include "waypost/referral/storage/v1/programme_storage.pb.h"

namespace waypost::referral::rows {

// In the place of a resource: whatever there is, which gets its index rows, too.
inline constexpr std::string_view kAllReferrals = "referrals";
inline constexpr std::string_view kAllEnrolments = "enrolments";
// "enrolments/offers/y": those of an offer.
std::string EnrolmentsIn(std::string_view offer);
// The offer of one made so; nothing for any other resource.
std::optional<std::string> OfferOfEnrolments(std::string_view resource);

// The offer is under `programme` from now on (empty: under none), and was under `before`. Asks for walks
// where that changes something.
absl::Status PutOfferUnder(store::Writer& writer, std::string_view offer, std::string_view before,
                           std::string_view programme);
// In order of their names, after `after` (empty: from the first), at most `limit`.
absl::StatusOr<std::vector<std::string>> ListOffersUnder(const store::Reader& reader,
                                                         std::string_view programme, std::string_view after,
                                                         int limit);

struct ProgrammeWalk {
  std::string resource;
  storage::v1::ProgrammeWalkRecord record;
};
// A walk over what has to do with a programme or offer; one that is going on begins anew.
absl::Status AskForWalk(store::Writer& writer, std::string_view resource);
// A walk over the offer's open referrals, and one over its open enrolments.
absl::Status AskForWalksOf(store::Writer& writer, std::string_view offer);
// The same over all referrals and over all enrolments, each where that was never asked for.
absl::Status AskForFirstWalks(store::Writer& writer);
// True until AskForFirstWalks was carried out.
absl::StatusOr<bool> LacksFirstWalks(const store::Reader& reader);
// The first one after `turn`, in order of the resources, or else the first of all.
absl::StatusOr<std::optional<ProgrammeWalk>> NextWalk(const store::Reader& reader, std::string_view turn);
// Remembers how far it is, or that it has ended. False, and nothing is changed, where it was asked for anew.
absl::StatusOr<bool> NoteWalk(store::Writer& writer, const ProgrammeWalk& walk, bool ended);

}  // namespace waypost::referral::rows

#endif  // WAYPOST_SERVICES_REFERRAL_PROGRAMME_ROWS_H_
