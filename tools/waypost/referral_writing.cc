// waypost referral create, update, submit.
#include <algorithm>
#include <memory>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/status/errors.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/import_columns.h"
#include "tools/waypost/json_text.h"
#include "tools/waypost/referral_view.h"
#include "tools/waypost/words.h"
#include "waypost/referral/v1/referral.pb.h"

namespace waypost::cli {
namespace {

namespace pb = referral::v1;

constexpr char kService[] = "waypost.referral.v1.ReferralService/";

// The flags of the columns that begin at `of`.
FlagOptions FlagsOf(ColumnOf of) {
  FlagOptions options;
  for (const ImportColumn& column : ImportColumns()) {
    if (column.of != of) continue;
    const std::string path(column.path);
    options.only.insert(path);
    options.rename.insert({path, KebabFromSnake(column.name)});
    options.help.insert({path, std::string(column.help)});
  }
  options.flatten = {"disclosure", "screening", "details", "alerts"};
  return options;
}

// Of the referral itself. Who of its people are people of the case has no column: a row of a file is a person
// that nobody has a number for yet.
FlagOptions ReferralFlagOptions() {
  FlagOptions options = FlagsOf(ColumnOf::kReferral);
  options.only.insert("case_persons");
  options.rename.insert({"case_persons", "case-person"});
  options.help.insert({"case_persons",
                       "with --part-of: the number of a person of the case who is in this part too, with the "
                       "same number; their rights go from one to the other"});
  return options;
}

// A new referral that is for named readers alone.
FlagOptions ProtectionFlags() {
  FlagOptions options;
  options.only = {"ground", "referring_readers", "receiving_readers"};
  options.rename = {
      {"ground", "protect"}, {"referring_readers", "reader"}, {"receiving_readers", "receiving-reader"}};
  options.help = {
      {"ground", "for named readers alone, and why; cannot be taken back"},
      {"referring_readers",
       "with --protect: pseudonym of a colleague who reads it too, as her `waypost whoami` says; the caller "
       "always does"},
      {"receiving_readers",
       "with --protect: pseudonym of a reader at the receiving body, as her `waypost whoami` says; without, "
       "its "
       "safeguarding officers name them"},
  };
  return options;
}

// A document with flags over it. One person can be described by flags alone.
class ReferralFlags {
 public:
  ReferralFlags(CLI::App& leaf, bool with_person)
      : file_(std::make_shared<std::string>()),
        own_reference_(std::make_shared<std::string>()),
        referral_(leaf, *pb::Referral::descriptor(), ReferralFlagOptions()) {
    leaf.add_option(
            "--file", *file_,
            "the request as JSON, as in {\"referral\":{…},\"sections\":[…]}; - for standard input; flags go "
            "over it")
        ->type_name("FILE");
    leaf.add_option("--own-reference", *own_reference_, "the own reference for the case; encrypted");
    if (!with_person) return;
    protection_ = std::make_unique<MessageFlags>(leaf, *pb::Protection::descriptor(), ProtectionFlags());
    person_ = std::make_unique<MessageFlags>(leaf, *pb::Person::descriptor(), FlagsOf(ColumnOf::kPerson));
    sections_ =
        std::make_unique<MessageFlags>(leaf, *pb::PersonSections::descriptor(), FlagsOf(ColumnOf::kSections));
  }

  // Fills `referral`, `sections` and `own_reference`.
  template <typename Request>
  absl::Status Fill(Session& session, Request& request) const {
    if (!file_->empty()) {
      WAYPOST_ASSIGN_OR_RETURN(const std::string json, ReadDocument(session.env(), *file_));
      WAYPOST_RETURN_IF_ERROR(FromJson(json, *file_ == "-" ? "standard input" : *file_, request));
      if (!request.request_id().empty()) {
        return error::InvalidField("requestId", "belongs in --request-id, not in the document");
      }
    }
    if (!referral_.Given().empty()) {
      pb::Referral& referral = *request.mutable_referral();
      WAYPOST_RETURN_IF_ERROR(referral_.Fill(referral, session.values()));
      if (!referral.part_of().empty()) referral.set_part_of(ReferralName(referral.part_of()));
    }
    if (protection_ != nullptr && !protection_->Given().empty()) {
      WAYPOST_RETURN_IF_ERROR(
          protection_->Fill(*request.mutable_referral()->mutable_protection(), session.values()));
    }
    if (!own_reference_->empty()) request.set_own_reference(*own_reference_);
    if (person_ == nullptr || (person_->Given().empty() && sections_->Given().empty()))
      return absl::OkStatus();
    return FillPerson(session, *request.mutable_referral(), *request.mutable_sections());
  }

 private:
  absl::Status FillPerson(Session& session, pb::Referral& referral,
                          google::protobuf::RepeatedPtrField<pb::PersonSections>& sections) const {
    if (person_ == nullptr || (person_->Given().empty() && sections_->Given().empty()))
      return absl::OkStatus();
    if (!referral.persons().empty() || !sections.empty()) {
      return error::InvalidField("--file", "has people; the flags of a person go without them");
    }
    pb::Person& person = *referral.add_persons();
    WAYPOST_RETURN_IF_ERROR(person_->Fill(person, session.values()));
    // Who is in a case has the same number there.
    const uint32_t number = referral.case_persons_size() == 1 ? std::max(1u, referral.case_persons(0)) : 1;
    person.set_number(number);
    if (sections_->Given().empty()) return absl::OkStatus();
    pb::PersonSections& opened = *sections.Add();
    WAYPOST_RETURN_IF_ERROR(sections_->Fill(opened, session.values()));
    opened.set_person(number);
    return absl::OkStatus();
  }

  std::shared_ptr<std::string> file_;
  std::shared_ptr<std::string> own_reference_;
  MessageFlags referral_;
  std::shared_ptr<MessageFlags> protection_;
  std::shared_ptr<MessageFlags> person_;
  std::shared_ptr<MessageFlags> sections_;
};

template <typename Request>
absl::Status Send(Session& session, const std::string& method, Request& request) {
  pb::Referral referral;
  WAYPOST_RETURN_IF_ERROR(session.Call(kService + method, request, referral));
  return ShowChange(session, referral);
}

void AddCreateCommand(CLI::App& group, Session& session) {
  CLI::App& leaf =
      *group.add_subcommand("create", "Make a draft, from a document or, for one person, from flags");
  const ReferralFlags flags(leaf, true);
  AddLaterFlag(leaf, session);
  session.On(leaf, [&session, flags]() -> absl::Status {
    pb::CreateReferralRequest request;
    WAYPOST_RETURN_IF_ERROR(flags.Fill(session, request));
    return Send(session, "CreateReferral", request);
  });
}

void AddSubmitCommand(CLI::App& group, Session& session) {
  struct State {
    std::string name;
    std::string etag;
  };
  CLI::App& leaf = *group.add_subcommand(
      "submit",
      "Send a draft; or make a referral and send it, from a document or, for one person, from flags");
  auto state = std::make_shared<State>();
  leaf.add_option("draft", state->name,
                  "the draft to send, as in referrals/01jd…; without it, a new referral");
  leaf.add_option("--etag", state->etag, "only if the draft is still this version");
  const ReferralFlags flags(leaf, true);
  AddLaterFlag(leaf, session);
  session.On(leaf, [&session, state, flags]() -> absl::Status {
    pb::SubmitReferralRequest request;
    WAYPOST_RETURN_IF_ERROR(flags.Fill(session, request));
    if (!state->name.empty()) request.set_name(ReferralName(state->name));
    if (!state->etag.empty()) request.set_etag(state->etag);
    if (request.name().empty() && !request.has_referral()) {
      return error::InvalidField("submit", "needs a draft, a --file, or flags that describe the referral");
    }
    return Send(session, "SubmitReferral", request);
  });
}

// UpdateReferral takes paths of its own for what lies beside the referral.
void FillReferralMask(const pb::Referral& given, pb::UpdateReferralRequest& request) {
  std::vector<const google::protobuf::FieldDescriptor*> present;
  given.GetReflection()->ListFields(given, &present);
  for (const auto* field : present) {
    if (field->name() == "name" || field->name() == "etag") continue;
    request.mutable_update_mask()->add_paths(field->name() == "referring" ? "referring.unit" : field->name());
  }
  if (!request.sections().empty()) request.mutable_update_mask()->add_paths("sections");
  if (!request.own_reference().empty()) request.mutable_update_mask()->add_paths("own_reference");
}

void AddUpdateCommand(CLI::App& group, Session& session) {
  struct State {
    std::string name;
    std::string etag;
    std::vector<std::string> cleared;
  };
  CLI::App& leaf = *group.add_subcommand("update", "Change a draft: what is given replaces what it has");
  auto state = std::make_shared<State>();
  leaf.add_option("draft", state->name, "as in referrals/01jd…")->required();
  leaf.add_option("--etag", state->etag, "only if it is still this version");
  leaf.add_option("--clear", state->cleared, "a field to empty, as offer; may be repeated")
      ->allow_extra_args(false);
  const ReferralFlags flags(leaf, false);
  AddLaterFlag(leaf, session);
  session.On(leaf, [&session, state, flags]() -> absl::Status {
    pb::UpdateReferralRequest request;
    WAYPOST_RETURN_IF_ERROR(flags.Fill(session, request));
    if (request.update_mask().paths().empty()) FillReferralMask(request.referral(), request);
    for (const std::string& field : state->cleared) request.mutable_update_mask()->add_paths(field);
    if (request.update_mask().paths().empty())
      return error::InvalidField("update", "nothing to change was given");
    request.mutable_referral()->set_name(ReferralName(state->name));
    if (!state->etag.empty()) request.mutable_referral()->set_etag(state->etag);
    return Send(session, "UpdateReferral", request);
  });
}

}  // namespace

void AddReferralWriting(CLI::App& referral, Session& session) {
  AddCreateCommand(referral, session);
  AddUpdateCommand(referral, session);
  AddSubmitCommand(referral, session);
}

}  // namespace waypost::cli
