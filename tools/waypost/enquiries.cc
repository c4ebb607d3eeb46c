// waypost enquiries: could you help, before there is a case.
#include "common/base/strings.h"
#include "tools/waypost/command_kinds.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/times.h"
#include "tools/waypost/words.h"
#include "waypost/directory/v1/enquiry.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;
using google::protobuf::Message;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";
constexpr size_t kIdBytes = 16;

std::vector<std::string> Row(const Message& item) {
  const auto& enquiry = static_cast<const pb::Enquiry&>(item);
  const pb::EnquiryAnswer& answer = enquiry.answer();
  std::string said = enquiry.has_answer() ? EnumWords(answer.verdict()) : "waiting";
  if (answer.reason() != pb::ENQUIRY_REASON_UNSPECIFIED) said += ", " + EnumWords(answer.reason());
  if (answer.expected_wait_days() > 0) said += base::Cat(", ", answer.expected_wait_days(), " d");
  return {enquiry.name(),      enquiry.enquirer(),
          enquiry.body(),      EnumWords(enquiry.theme()),
          enquiry.territory(), said};
}

CallCommand Ask(Session& session) {
  CallCommand ask = {.name = "ask",
                     .help = "Ask a body whether it could help; nobody is named and no text is sent",
                     .method = std::string(kService) + "Enquire",
                     .request = pb::EnquireRequest::default_instance(),
                     .response = pb::Enquiry::default_instance()};
  ask.flags.flatten = {"enquiry"};
  ask.flags.skip = {"enquiry.name",        "enquiry.enquirer",    "enquiry.answer", "enquiry.create_time",
                    "enquiry.update_time", "enquiry.expire_time", "enquiry.etag"};
  ask.flags.rename = {{"enquiry_id", "id"},
                      {"enquiry.body", "body"},
                      {"enquiry.theme", "theme"},
                      {"enquiry.territory", "territory"},
                      {"enquiry.age_band", "age-band"},
                      {"enquiry.language", "language"},
                      {"enquiry.household_persons", "household"}};
  ask.flags.help = {{"enquiry_id", "32 hexadecimal digits made at random; made here unless given"},
                    {"enquiry.body", "who is asked, as bodies/es-fuenlabrada"},
                    {"enquiry.territory", "where the person is: ES300, as wide as serves the question"},
                    {"enquiry.language", "in which the person can be served"},
                    {"enquiry.household_persons", "how many people, the person included"}};
  ask.flags.required = {"enquiry.body", "enquiry.theme", "enquiry.territory"};
  ask.complete = [&session](Message& message) {
    auto& request = static_cast<pb::EnquireRequest&>(message);
    if (request.enquiry_id().empty())
      request.set_enquiry_id(base::ToHex(session.env().random.Bytes(kIdBytes)));
    return absl::OkStatus();
  };
  return ask;
}

}  // namespace

void AddEnquiryCommands(CLI::App& root, Session& session) {
  CLI::App& enquiries = AddGroup(root, "enquiries", "Questions to another body, before there is a case");
  AddCall(enquiries, session, Ask(session));
  ListCommand list = {.name = "list",
                      .help = "The enquiries of your body",
                      .method = std::string(kService) + "ListEnquiries",
                      .request = pb::ListEnquiriesRequest::default_instance(),
                      .response = pb::ListEnquiriesResponse::default_instance(),
                      .headings = {"name", "from", "to", "theme", "territory", "answer"},
                      .row = Row,
                      .nothing = "No enquiries."};
  list.flags.required = {"box"};
  list.flags.help = {{"box", "which of them"}};
  AddList(enquiries, session, std::move(list));
  AddCall(enquiries, session,
          {.name = "show",
           .help = "One enquiry",
           .method = std::string(kService) + "GetEnquiry",
           .request = pb::GetEnquiryRequest::default_instance(),
           .response = pb::Enquiry::default_instance(),
           .arguments = {{"name", "enquiry", "as in enquiries/3f2a9c…"}}});
  CallCommand answer = {.name = "answer",
                        .help = "Answer an enquiry, once and for all",
                        .method = std::string(kService) + "AnswerEnquiry",
                        .request = pb::AnswerEnquiryRequest::default_instance(),
                        .response = pb::Enquiry::default_instance(),
                        .arguments = {{"name", "enquiry", "as in enquiries/3f2a9c…"}}};
  answer.flags.skip = {"answer.answer_time"};
  answer.flags.rename = {
      {"answer.verdict", "verdict"}, {"answer.reason", "reason"}, {"answer.expected_wait_days", "wait-days"}};
  answer.flags.help = {{"answer.verdict", "what to say"},
                       {"answer.reason", "why not, or not yet"},
                       {"answer.expected_wait_days", "about how many days, with yes-with-wait"}};
  answer.flags.required = {"answer.verdict"};
  AddCall(enquiries, session, std::move(answer));
}

}  // namespace waypost::cli
