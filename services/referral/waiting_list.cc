#include "services/referral/waiting_list.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/time/civil_time.h"
#include "common/api/names.h"
#include "common/api/resource.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "services/referral/enrolment_rules.h"
#include "services/referral/referral_basis.h"
#include "services/referral/referral_errors.h"
#include "services/referral/referral_limits.h"
#include "services/referral/referral_machine.h"

namespace waypost::referral {
namespace {

using base::Cat;
using storage::v1::ReferralRecord;
using storage::v1::WaitingRecord;

constexpr States kHolding = {kOffered, kAccepted, kInProgress, kOnHold, kCancelRequested};
// A completed one knows which place it had: opened again, it takes it again.
constexpr States kRemembering = {kOffered, kAccepted, kInProgress, kOnHold, kCancelRequested, kCompleted};
constexpr States kListed = {kWaitlisted, kOffered};

constexpr std::string_view kGroups = "/groups/";
constexpr std::string_view kWaitingList = "/waitingList";

// It may wait without a list, since its body was succeeded by one that does not deliver the offer.
bool IsInGroup(const v1::ListPlace& waiting) {
  return !waiting.group_id().empty();
}

// Those who wait and are still in the referral.
std::vector<uint32_t> PresentOnList(const ReferralRecord& record) {
  std::vector<uint32_t> present;
  for (const uint32_t person : record.waiting().persons()) {
    if (FindPerson(record, person) != nullptr) present.push_back(person);
  }
  return present;
}

// The persons chosen, or else those who wait in that group, or else everybody.
absl::Status ChoosePersons(const GroupChoice& choice, const ReferralRecord& record,
                           std::vector<uint32_t>& persons) {
  error::FieldViolations wrong;
  for (size_t i = 0; i < choice.persons.size(); ++i) {
    if (FindPerson(record, choice.persons[i]) == nullptr) {
      wrong.Add(Cat("persons[", i, "]"), "is no person of this referral");
    }
  }
  persons = choice.persons;
  const v1::ListPlace& waiting = record.waiting();
  const bool waits_there =
      !IsInGroup(waiting) || (waiting.offer() == choice.offer && waiting.group_id() == choice.group_id);
  if (persons.empty() && waits_there) persons = PresentOnList(record);
  if (persons.empty()) {
    for (const v1::Person& person : record.persons()) persons.push_back(person.number());
  }
  return wrong.ToStatus();
}

void PutPlaces(const GroupKey& group, const std::vector<uint32_t>& persons, ReferralRecord& next) {
  next.clear_places();
  for (const uint32_t person : persons) {
    v1::PersonPlace& place = *next.add_places();
    place.set_person(person);
    place.set_offer(group.offer);
    place.set_group_id(group.group_id);
  }
}

// What was offered to somebody who has been taken out since is nobody's.
void KeepPlacesOfPresent(ReferralRecord& next) {
  auto& places = *next.mutable_places();
  places.erase(std::remove_if(places.begin(), places.end(),
                              [&next](const v1::PersonPlace& place) {
                                return FindPerson(next, place.person()) == nullptr;
                              }),
               places.end());
}

// Names the enrolments that are to have places of ENROLMENT offers.
void GiveOver(const std::vector<GroupLimit>& limits, ReferralRecord& next) {
  for (v1::PersonPlace& place : *next.mutable_places()) {
    const bool enrols = std::any_of(limits.begin(), limits.end(), [&place](const GroupLimit& limit) {
      return limit.enrolment && limit.offer == place.offer() && limit.group_id == place.group_id();
    });
    place.clear_enrolment();
    if (enrols) place.set_enrolment(NewEnrolmentName(next.name(), place.person(), next.revision() + 1));
  }
}

bool IsMinor(type::v1::AgeBand band) {
  return band >= type::v1::AGE_BAND_0_TO_5 && band <= type::v1::AGE_BAND_16_TO_17;
}

// What is not known comes last.
int64_t Known(int value) {
  return value == 0 ? std::numeric_limits<int32_t>::max() : value;
}

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return absl::ToUnixMicros(api::FromTimestamp(time));
}

int64_t ValueOf(v1::WaitingListCriterion criterion, const WaitingRecord& waiting) {
  switch (criterion) {
    case v1::WAITING_LIST_CRITERION_PRIORITY:
      return Known(waiting.priority());
    case v1::WAITING_LIST_CRITERION_WAITING_SINCE:
      return MicrosOf(waiting.since_time());
    case v1::WAITING_LIST_CRITERION_SUBMIT_TIME:
      return MicrosOf(waiting.submit_time());
    case v1::WAITING_LIST_CRITERION_YOUNGEST_FIRST:
      return Known(waiting.youngest());
    case v1::WAITING_LIST_CRITERION_MINORS_FIRST:
      return IsMinor(waiting.youngest()) ? 0 : 1;
    case v1::WAITING_LIST_CRITERION_LARGEST_HOUSEHOLD_FIRST:
      return -waiting.person_count();
    default:
      return 0;
  }
}

}  // namespace

std::string GroupName(const GroupKey& group) {
  return Cat(group.offer, kGroups, group.group_id);
}

std::string WaitingListName(const GroupKey& group) {
  return Cat(GroupName(group), kWaitingList);
}

std::optional<GroupKey> GroupOfWaitingList(std::string_view name) {
  const size_t groups = name.find(kGroups);
  if (groups == std::string_view::npos || name.size() <= kWaitingList.size()) return std::nullopt;
  if (name.substr(name.size() - kWaitingList.size()) != kWaitingList) return std::nullopt;
  const size_t begin = groups + kGroups.size();
  const size_t end = name.size() - kWaitingList.size();
  if (end <= begin || end - begin > kMaxGroupIdBytes) return std::nullopt;
  const std::string_view group_id = name.substr(begin, end - begin);
  const bool well_formed = std::all_of(group_id.begin(), group_id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!well_formed || !api::IsName(name.substr(0, groups), {"offers"})) return std::nullopt;
  return GroupKey{.offer = std::string(name.substr(0, groups)), .group_id = std::string(group_id)};
}

std::map<GroupKey, int64_t> PlacesHeld(const ReferralRecord& record) {
  std::map<GroupKey, int64_t> held;
  if (!kHolding.Has(record.state())) return held;
  for (const v1::PersonPlace& place : record.places()) {
    if (place.enrolment().empty()) ++held[{place.offer(), place.group_id()}];
  }
  return held;
}

std::map<GroupKey, int64_t> PlacesGivenOver(const ReferralRecord& record) {
  std::map<GroupKey, int64_t> given;
  if (!kRemembering.Has(record.state())) return given;
  for (const v1::PersonPlace& place : record.places()) {
    if (!place.enrolment().empty()) ++given[{place.offer(), place.group_id()}];
  }
  return given;
}

std::optional<GroupKey> WaitsIn(const ReferralRecord& record) {
  if (record.state() != kWaitlisted || !IsInGroup(record.waiting())) return std::nullopt;
  return GroupKey{.offer = record.waiting().offer(), .group_id = record.waiting().group_id()};
}

std::optional<GroupKey> ComesBackTo(const ReferralRecord& record) {
  if (record.state() != kOffered || !IsInGroup(record.waiting())) return std::nullopt;
  return GroupKey{.offer = record.waiting().offer(), .group_id = record.waiting().group_id()};
}

absl::Status JoinList(const GroupChoice& choice, absl::Time now, ReferralRecord& next) {
  if (choice.group_id.empty()) return absl::OkStatus();
  std::vector<uint32_t> persons;
  const absl::Status chosen = ChoosePersons(choice, next, persons);
  if (!chosen.ok()) return chosen;
  v1::ListPlace& waiting = *next.mutable_waiting();
  waiting.set_offer(choice.offer);
  waiting.set_group_id(choice.group_id);
  *waiting.mutable_persons() = {persons.begin(), persons.end()};
  if (!waiting.has_since_time()) *waiting.mutable_since_time() = api::ToTimestamp(now);
  return absl::OkStatus();
}

absl::Status TakeOffered(const GroupChoice& choice, ReferralRecord& next) {
  if (choice.group_id.empty()) return absl::OkStatus();
  std::vector<uint32_t> persons;
  const absl::Status chosen = ChoosePersons(choice, next, persons);
  if (!chosen.ok()) return chosen;
  PutPlaces({choice.offer, choice.group_id}, persons, next);
  return absl::OkStatus();
}

absl::Status TakeAccepted(const std::vector<v1::PersonPlace>& places, const std::vector<GroupLimit>& limits,
                          ReferralRecord& next) {
  if (places.empty()) {
    const v1::ListPlace& waiting = next.waiting();
    if (IsInGroup(waiting) && next.places().empty()) {
      PutPlaces({waiting.offer(), waiting.group_id()}, PresentOnList(next), next);
    }
    KeepPlacesOfPresent(next);
    GiveOver(limits, next);
    return absl::OkStatus();
  }
  error::FieldViolations wrong;
  for (size_t i = 0; i < places.size(); ++i) {
    if (FindPerson(next, places[i].person()) == nullptr) {
      wrong.Add(Cat("places[", i, "].person"), "is no person of this referral");
    }
  }
  if (!wrong.empty()) return wrong.ToStatus();
  *next.mutable_places() = {places.begin(), places.end()};
  GiveOver(limits, next);
  return absl::OkStatus();
}

std::vector<std::string> OffersIn(const ReferralRecord& record) {
  std::set<std::string> offers;
  if (kListed.Has(record.state())) offers.insert(record.waiting().offer());
  if (record.state() == kOffered) {
    for (const v1::PersonPlace& place : record.places()) offers.insert(place.offer());
  }
  offers.insert(record.forward_proposal().offer());
  offers.erase("");
  return {offers.begin(), offers.end()};
}

bool LeaveOffers(const std::vector<std::string>& offers, ReferralRecord& next) {
  const auto leaves = [&offers](const std::string& offer) {
    return std::find(offers.begin(), offers.end(), offer) != offers.end();
  };
  if (leaves(next.forward_proposal().offer())) next.mutable_forward_proposal()->clear_offer();
  if (!kListed.Has(next.state())) return false;
  if (leaves(next.waiting().offer())) {
    next.mutable_waiting()->clear_offer();
    next.mutable_waiting()->clear_group_id();
  }
  const bool gives_up = next.state() == kOffered && std::any_of(next.places().begin(), next.places().end(),
                                                                [&leaves](const v1::PersonPlace& place) {
                                                                  return leaves(place.offer());
                                                                });
  if (gives_up) next.clear_places();
  return gives_up;
}

absl::StatusOr<std::map<GroupKey, int64_t>> KeepEnrolments(const std::vector<EnrolledPerson>& enrolled,
                                                           ReferralRecord& next) {
  std::map<GroupKey, int64_t> kept;
  for (v1::PersonPlace& place : *next.mutable_places()) {
    if (place.enrolment().empty()) continue;
    const auto found = std::find_if(enrolled.begin(), enrolled.end(), [&place](const EnrolledPerson& one) {
      return one.person == place.person() && one.offer == place.offer();
    });
    if (found == enrolled.end()) continue;
    if (found->group_id != place.group_id()) {
      return AlreadyEnrolled(next.name(), found->person, found->enrolment,
                             GroupName({.offer = found->offer, .group_id = found->group_id}));
    }
    place.set_enrolment(found->enrolment);
    ++kept[{place.offer(), place.group_id()}];
  }
  return kept;
}

void SettleGroups(ReferralRecord& next) {
  if (!kListed.Has(next.state())) next.clear_waiting();
  if (!kRemembering.Has(next.state())) next.clear_places();
}

Criteria DefaultCriteria() {
  return {v1::WAITING_LIST_CRITERION_PRIORITY, v1::WAITING_LIST_CRITERION_WAITING_SINCE};
}

WaitingRecord WaitingRecordOf(const ReferralRecord& record) {
  WaitingRecord waiting;
  waiting.set_format_version(1);
  waiting.set_referral(record.name());
  waiting.set_priority(record.priority());
  *waiting.mutable_since_time() = record.waiting().since_time();
  *waiting.mutable_submit_time() = record.submit_time();
  waiting.set_person_count(record.waiting().persons_size());
  for (const v1::Person& person : record.persons()) {
    const auto& numbers = record.waiting().persons();
    const bool waits = std::find(numbers.begin(), numbers.end(), person.number()) != numbers.end();
    if (waits && Known(person.age_band()) < Known(waiting.youngest()))
      waiting.set_youngest(person.age_band());
  }
  return waiting;
}

std::vector<int64_t> OrderOf(const Criteria& criteria, const WaitingRecord& waiting) {
  std::vector<int64_t> order;
  order.reserve(criteria.size() + 1);
  for (const v1::WaitingListCriterion criterion : criteria) order.push_back(ValueOf(criterion, waiting));
  order.push_back(MicrosOf(waiting.since_time()));
  return order;
}

bool HasBegun(std::string_view cohort_start, absl::Time now) {
  const auto day = ParseDay(cohort_start);
  return day.has_value() && now >= absl::FromCivil(*day + 1, absl::UTCTimeZone()) + kLatestZone;
}

}  // namespace waypost::referral
