// waypost whoami: so that a colleague can be told by whom a case is to be read or taken.
#include <ostream>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/identity/actor.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/table.h"
#include "tools/waypost/times.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

std::string OrNone(std::string text) {
  return text.empty() ? "none" : text;
}

// "abcd efgh ijkl mnop" of "actors/abcdefghijklmnop": as it is said on the telephone.
std::string Spelt(std::string_view actor) {
  constexpr size_t kGroup = 4;
  std::string text;
  for (size_t at = identity::kActorPrefix.size(); at < actor.size(); at += kGroup) {
    text += base::Cat(text.empty() ? "" : " ", actor.substr(at, kGroup));
  }
  return text;
}

absl::Status ShowMyself(Session& session) {
  pb::GetMyselfRequest request;
  pb::Myself myself;
  WAYPOST_RETURN_IF_ERROR(session.Call("waypost.referral.v1.ReferralService/GetMyself", request, myself));
  if (session.json()) return session.ShowJson(myself);
  std::ostream& out = session.env().out;
  out << Printable(myself.actor()) << '\n'
      << "  to say:  " << Printable(Spelt(myself.actor())) << '\n'
      << "  body:    " << Printable(myself.body()) << '\n'
      << "  roles:   " << OrNone(Joined(myself.roles())) << '\n'
      << "  units:   " << OrNone(Joined(myself.units())) << '\n';
  if (myself.has_expire_time())
    out << "  until:   " << ShowTime(myself.expire_time(), session.zone()) << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddWhoamiCommand(CLI::App& root, Session& session) {
  session.On(*root.add_subcommand("whoami",
                                  "Your pseudonym, which colleagues name you by as a reader or to assign you "
                                  "a case; your body, roles and units, and until when your token is taken"),
             [&session] { return ShowMyself(session); });
}

}  // namespace waypost::cli
