#include "services/referral/breach_machine.h"

#include <array>

#include "common/policy/policy.h"

namespace waypost::referral {
namespace {

using BreachStates = policy::EnumSet<v1::BreachState>;

constexpr BreachStates kNotClosed = {v1::BREACH_STATE_OPEN, v1::BREACH_STATE_ASSESSED};

struct Row {
  BreachStates from;
  v1::BreachState to;  // unspecified: it stays as it is
  std::string_view name;
  std::string_view type;
};

// In the order of BreachAct. Who has closed it and learns more assesses it again.
constexpr std::array<Row, kBreachActCount> kTable = {
    Row{{v1::BREACH_STATE_OPEN, v1::BREACH_STATE_ASSESSED, v1::BREACH_STATE_CLOSED},
        v1::BREACH_STATE_ASSESSED,
        "ASSESS",
        "breach.assessed"},
    Row{kNotClosed, v1::BREACH_STATE_UNSPECIFIED, "RECORD_NOTIFICATION", "breach.notified"},
    Row{kNotClosed, v1::BREACH_STATE_UNSPECIFIED, "RECORD_PERSONS_TOLD", "breach.persons_told"},
    Row{kNotClosed, v1::BREACH_STATE_UNSPECIFIED, "RECORD_DELETION", "breach.deletion_confirmed"},
    Row{{v1::BREACH_STATE_ASSESSED}, v1::BREACH_STATE_CLOSED, "CLOSE", "breach.closed"},
};

constexpr const Row& RowOf(BreachAct act) {
  return kTable[static_cast<size_t>(act)];
}

// What nobody has assessed is not closed, and what is closed is opened by an assessment alone.
static_assert(!RowOf(BreachAct::kClose).from.Has(v1::BREACH_STATE_OPEN));
static_assert(!RowOf(BreachAct::kNotify).from.Has(v1::BREACH_STATE_CLOSED));

}  // namespace

bool Takes(v1::BreachState state, BreachAct act) {
  return RowOf(act).from.Has(state);
}

v1::BreachState After(v1::BreachState state, BreachAct act) {
  const v1::BreachState to = RowOf(act).to;
  return to == v1::BREACH_STATE_UNSPECIFIED ? state : to;
}

std::vector<std::string> AllowedBreachActs(v1::BreachState state) {
  std::vector<std::string> names;
  for (const Row& row : kTable) {
    if (row.from.Has(state)) names.emplace_back(row.name);
  }
  return names;
}

std::string BreachStateName(v1::BreachState state) {
  constexpr std::string_view kPrefix = "BREACH_STATE_";
  const std::string name = v1::BreachState_Name(state);
  return name.size() > kPrefix.size() ? name.substr(kPrefix.size()) : name;
}

std::string_view BreachActName(BreachAct act) {
  return RowOf(act).name;
}

std::string_view BreachEventType(BreachAct act) {
  return RowOf(act).type;
}

}  // namespace waypost::referral
