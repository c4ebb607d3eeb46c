#include "tools/waypost/cli_test_util.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "common/status/errors.h"
#include "tools/waypost/app.h"
#include "tools/waypost/times.h"

namespace waypost::cli::testing {

absl::Time TestNow() {
  return absl::FromUnixSeconds(1772366400);
}

std::string CountingRandom::Bytes(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(next_++);
  return bytes;
}

RunResult Runner::Run(const std::vector<std::string>& arguments) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const TestClock clock;
  CountingRandom random;
  const Environment env = {
      .in = in,
      .out = out,
      .err = err,
      .out_is_terminal = out_is_terminal,
      .err_is_terminal = err_is_terminal,
      .variable = [this](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
      },
      .clock = clock,
      .random = random,
      .zone = absl::FixedTimeZone(3600),
      .sleep =
          [this](absl::Duration wait) {
            slept += wait;
            if (on_sleep) on_sleep();
          },
      .interrupts = interrupts,
  };
  RunResult result;
  result.code = RunCli(arguments, env);
  result.out = out.str();
  result.err = err.str();
  return result;
}

std::string TestFolder::Write(const std::string& name, const std::string& content) const {
  std::ofstream(Path(name), std::ios::binary) << content;
  return Path(name);
}

std::string TestFolder::Read(const std::string& name) const {
  std::ifstream file(Path(name), std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

bool TestFolder::Has(const std::string& name) const {
  return std::filesystem::exists(Path(name));
}

grpc::Status FakeDirectory::ListBodies(grpc::ServerContext*, const directory::v1::ListBodiesRequest* request,
                                       directory::v1::ListBodiesResponse* response) {
  size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  // Pages of at most two, so that a listing has several.
  for (int given = 0; given < std::min(2, request->page_size()) && at < bodies.size(); ++given) {
    *response->add_bodies() = bodies[at++];
  }
  if (at < bodies.size()) response->set_next_page_token(std::to_string(at));
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::UpdateBody(grpc::ServerContext*, const directory::v1::UpdateBodyRequest* request,
                                       directory::v1::Body* response) {
  updated = *request;
  *response = request->body();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::UpdateUnit(grpc::ServerContext*, const directory::v1::UpdateUnitRequest* request,
                                       directory::v1::Unit* response) {
  updated_unit = *request;
  *response = request->unit();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::UpdateProgramme(grpc::ServerContext*,
                                            const directory::v1::UpdateProgrammeRequest* request,
                                            directory::v1::Programme* response) {
  updated_programme = *request;
  *response = request->programme();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::EndProgramme(grpc::ServerContext*,
                                         const directory::v1::EndProgrammeRequest* request,
                                         directory::v1::Programme* response) {
  ended_programme = *request;
  response->set_name(request->name());
  response->mutable_period()->set_end_date(request->end_date());
  response->set_end_reason(request->reason());
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::CreateSuccession(grpc::ServerContext*,
                                             const directory::v1::CreateSuccessionRequest* request,
                                             directory::v1::Succession* response) {
  created_succession = *request;
  *response = request->succession();
  response->set_name("successions/" + request->succession_id());
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ListSuccessions(grpc::ServerContext*,
                                            const directory::v1::ListSuccessionsRequest* request,
                                            directory::v1::ListSuccessionsResponse* response) {
  if (request->predecessor() != created_succession.succession().predecessor()) return grpc::Status::OK;
  *response->add_successions() = created_succession.succession();
  response->mutable_successions(0)->set_name("successions/" + created_succession.succession_id());
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::EndSuccession(grpc::ServerContext*,
                                          const directory::v1::EndSuccessionRequest* request,
                                          directory::v1::Succession* response) {
  *response = created_succession.succession();
  response->mutable_period()->set_end_date(request->end_date());
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::Enquire(grpc::ServerContext*, const directory::v1::EnquireRequest* request,
                                    directory::v1::Enquiry* response) {
  asked_enquiry = *request;
  *response = request->enquiry();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::AnswerEnquiry(grpc::ServerContext*,
                                          const directory::v1::AnswerEnquiryRequest* request,
                                          directory::v1::Enquiry* response) {
  answered_enquiry = *request;
  *response = asked_enquiry.enquiry();
  *response->mutable_answer() = request->answer();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ListEnquiries(grpc::ServerContext*,
                                          const directory::v1::ListEnquiriesRequest* request,
                                          directory::v1::ListEnquiriesResponse* response) {
  if (request->box() != directory::v1::ENQUIRY_BOX_TO_ANSWER) return grpc::Status::OK;
  *response->add_enquiries() = asked_enquiry.enquiry();
  *response->mutable_enquiries(0)->mutable_answer() = answered_enquiry.answer();
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ListDirectoryTasks(grpc::ServerContext*,
                                               const directory::v1::ListDirectoryTasksRequest* request,
                                               directory::v1::ListDirectoryTasksResponse* response) {
  if (request->body() == "bodies/a") *response = tasks;
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ResolveRoute(grpc::ServerContext*,
                                         const directory::v1::ResolveRouteRequest* request,
                                         directory::v1::ResolveRouteResponse* response) {
  asked = *request;
  *response = route;
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ImportOffers(grpc::ServerContext*,
                                         const directory::v1::ImportOffersRequest* request,
                                         directory::v1::ImportOffersResponse* response) {
  const std::lock_guard lock(mutex_);
  imported_offers_.push_back(*request);
  if (on_import_offers) return on_import_offers(*request, *response);
  for (int i = 0; i < request->offers_size(); ++i) {
    response->add_results()->set_outcome(directory::v1::IMPORT_OUTCOME_CREATED);
  }
  return grpc::Status::OK;
}

grpc::Status FakeDirectory::ImportTerritories(grpc::ServerContext*,
                                              const directory::v1::ImportTerritoriesRequest* request,
                                              directory::v1::ImportTerritoriesResponse* response) {
  const std::lock_guard lock(mutex_);
  imported_territories_.push_back(*request);
  if (on_import_territories) return on_import_territories(*request, *response);
  for (int i = 0; i < request->territories_size(); ++i) {
    response->add_results()->set_outcome(directory::v1::IMPORT_OUTCOME_CREATED);
  }
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::SubmitReferral(grpc::ServerContext* context,
                                           const referral::v1::SubmitReferralRequest* request,
                                           referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.submitted.push_back(*request);
  const auto [first, last] = context->client_metadata().equal_range("authorization");
  for (auto entry = first; entry != last; ++entry)
    received_.authorizations.emplace_back(entry->second.data(), entry->second.size());
  if (on_submit) {
    if (const grpc::Status status = on_submit(*request); !status.ok()) return status;
  }
  *response = request->referral();
  response->set_name("referrals/" + request->request_id());
  response->set_state(referral::v1::REFERRAL_STATE_REQUESTED);
  response->set_revision(1);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::DeclineReferral(grpc::ServerContext*,
                                            const referral::v1::DeclineReferralRequest* request,
                                            referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.declined.push_back(*request);
  if (on_decline) {
    if (const grpc::Status status = on_decline(); !status.ok()) return status;
  }
  response->set_name(request->name());
  response->set_state(referral::v1::REFERRAL_STATE_DECLINED);
  response->add_allowed_actions("NOTE");
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::AddNote(grpc::ServerContext*, const referral::v1::AddNoteRequest* request,
                                    referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.noted.push_back(*request);
  response->set_name(request->name());
  return on_note ? on_note(*request, *response) : grpc::Status::OK;
}

grpc::Status FakeReferrals::GetReferral(grpc::ServerContext*, const referral::v1::GetReferralRequest* request,
                                        referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  const auto found = shown.find(request->name());
  if (found == shown.end()) return rpc::ToGrpc(error::NotFound(request->name()));
  *response = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListReferralHistory(grpc::ServerContext*,
                                                const referral::v1::ListReferralHistoryRequest*,
                                                referral::v1::ListReferralHistoryResponse* response) {
  const std::lock_guard lock(mutex_);
  *response = history;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListReceiptKeys(grpc::ServerContext*, const referral::v1::ListReceiptKeysRequest*,
                                            referral::v1::ListReceiptKeysResponse* response) {
  const std::lock_guard lock(mutex_);
  *response = receipt_keys;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::GetMyself(grpc::ServerContext*, const referral::v1::GetMyselfRequest*,
                                      referral::v1::Myself* response) {
  const std::lock_guard lock(mutex_);
  *response = myself;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::RecordRightsRequest(grpc::ServerContext*,
                                                const referral::v1::RecordRightsRequestRequest* request,
                                                referral::v1::RightsRequest* response) {
  const std::lock_guard lock(mutex_);
  received_.recorded.push_back(*request);
  response->set_name("rightsRequests/01je");
  response->set_kind(request->kind());
  response->add_holders()->set_body("bodies/es-madrid");
  if (request->kind() == referral::v1::RIGHT_KIND_WITHDRAWAL) {
    response->add_not_reached("referrals/01jf");
    response->add_linked_requests("rightsRequests/01jg");
  }
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::AnswerRightsRequest(grpc::ServerContext*,
                                                const referral::v1::AnswerRightsRequestRequest* request,
                                                referral::v1::RightsRequest* response) {
  const std::lock_guard lock(mutex_);
  received_.answered.push_back(*request);
  response->set_name(request->name());
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::GetRightsRequest(grpc::ServerContext*,
                                             const referral::v1::GetRightsRequestRequest* request,
                                             referral::v1::RightsRequest* response) {
  const std::lock_guard lock(mutex_);
  const auto found = rights.find(request->name());
  if (found == rights.end()) return rpc::ToGrpc(error::NotFound(request->name()));
  *response = found->second;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListRightsRequests(grpc::ServerContext*,
                                               const referral::v1::ListRightsRequestsRequest* request,
                                               referral::v1::ListRightsRequestsResponse* response) {
  // One is overdue.
  for (const int days : {-1, 1}) {
    referral::v1::RightsTask& task = *response->add_tasks();
    task.set_request(days < 0 ? "rightsRequests/01je" : "rightsRequests/01jf");
    task.set_referral("referrals/01jd");
    task.set_kind(referral::v1::RIGHT_KIND_OBJECTION);
    task.set_person(1);
    *task.mutable_due_time() = ToTimestamp(TestNow() + days * absl::Hours(24));
    if (request->answered()) task.set_answer(referral::v1::RIGHT_ANSWER_REFUSED);
  }
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListRetention(grpc::ServerContext*, const referral::v1::ListRetentionRequest*,
                                          referral::v1::ListRetentionResponse* response) {
  referral::v1::RetentionEntry& entry = *response->add_entries();
  entry.set_referral("referrals/01jd");
  entry.set_party(referral::v1::PARTY_RECEIVING);
  entry.set_kept_until("2031-05-04");
  entry.add_rules("es/ley-39-2015/art-17");
  entry.add_persons(1);
  entry.set_whole_share(true);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListRetentionReports(grpc::ServerContext*,
                                                 const referral::v1::ListRetentionReportsRequest*,
                                                 referral::v1::ListRetentionReportsResponse* response) {
  response->set_held_back_count(3);
  referral::v1::RetentionReport& report = *response->add_reports();
  report.set_day("2031-05-05");
  report.set_shares(2);
  report.add_by_rule()->set_rule("es/ley-39-2015/art-17");
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::VoidEntry(grpc::ServerContext*, const referral::v1::VoidEntryRequest* request,
                                      referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.voided.push_back(*request);
  response->set_name(request->name());
  response->set_state(referral::v1::REFERRAL_STATE_IN_PROGRESS);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::VoidOutcome(grpc::ServerContext*, const referral::v1::VoidOutcomeRequest* request,
                                        referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.outcomes_voided.push_back(*request);
  response->set_name(request->name());
  response->set_state(referral::v1::REFERRAL_STATE_COMPLETED);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::CompleteReferral(grpc::ServerContext*,
                                             const referral::v1::CompleteReferralRequest* request,
                                             referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.completed = *request;
  response->set_name(request->name());
  response->set_state(referral::v1::REFERRAL_STATE_COMPLETED);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::CancelReferral(grpc::ServerContext*,
                                           const referral::v1::CancelReferralRequest* request,
                                           referral::v1::Referral* response) {
  const std::lock_guard lock(mutex_);
  received_.cancelled = *request;
  response->set_name(request->name());
  response->set_state(referral::v1::REFERRAL_STATE_CANCEL_REQUESTED);
  response->set_open_part_count(1);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ExportPerson(grpc::ServerContext*, const referral::v1::ExportPersonRequest*,
                                         referral::v1::ExportPersonResponse* response) {
  const std::lock_guard lock(mutex_);
  *response = exported;
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::ListParts(grpc::ServerContext*, const referral::v1::ListPartsRequest* request,
                                      referral::v1::ListPartsResponse* response) {
  const std::lock_guard lock(mutex_);
  received_.parts_of = request->name();
  referral::v1::ReferralSummary& part = *response->add_parts();
  part.set_name("referrals/01je");
  part.set_state(referral::v1::REFERRAL_STATE_REQUESTED);
  return grpc::Status::OK;
}

grpc::Status FakeReferrals::DiscloseReferral(grpc::ServerContext*,
                                             const referral::v1::DiscloseReferralRequest* request,
                                             referral::v1::DiscloseReferralResponse*) {
  const std::lock_guard lock(mutex_);
  received_.disclosed = *request;
  ++received_.disclosures;
  return rpc::ToGrpc(error::Unavailable("the store", "it is starting"));
}

grpc::Status FakeReferrals::WatchReferrals(grpc::ServerContext* context,
                                           const referral::v1::WatchReferralsRequest* request,
                                           grpc::ServerWriter<referral::v1::WatchReferralsResponse>* writer) {
  {
    const std::lock_guard lock(mutex_);
    received_.watched_from = request->cursor();
  }
  for (const auto& change : changes) writer->Write(change);
  if (on_told) on_told();
  if (watch_end.has_value()) return *watch_end;
  std::unique_lock lock(mutex_);
  while (!context->IsCancelled()) never_.wait_for(lock, std::chrono::milliseconds(5));
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::GetWaitingList(grpc::ServerContext*,
                                            const referral::v1::GetWaitingListRequest* request,
                                            referral::v1::WaitingList* response) {
  response->set_name(request->name());
  response->set_revision(2);
  response->set_etag("e2");
  response->add_criteria(referral::v1::WAITING_LIST_CRITERION_PRIORITY);
  response->add_criteria(referral::v1::WAITING_LIST_CRITERION_WAITING_SINCE);
  response->set_places(8);
  response->set_taken(7);
  response->set_free(1);
  response->set_next_referral("referrals/01jd");
  response->set_waiting_count(2);
  response->set_waiting_person_count(3);
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::ListWaitingList(grpc::ServerContext*,
                                             const referral::v1::ListWaitingListRequest* request,
                                             referral::v1::ListWaitingListResponse* response) {
  const std::lock_guard lock(mutex_);
  asked_ = request->name();
  auto& first = *response->add_entries();
  first.set_position(1);
  first.set_referral("referrals/01jd");
  first.add_persons(1);
  response->add_entries()->set_position(2);
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::SetWaitingListCriteria(
    grpc::ServerContext*, const referral::v1::SetWaitingListCriteriaRequest* request,
    referral::v1::WaitingList* response) {
  const std::lock_guard lock(mutex_);
  set_ = *request;
  response->set_name(request->name());
  *response->mutable_criteria() = request->criteria();
  return grpc::Status::OK;
}

std::string FakeEnrolments::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

referral::v1::SetWaitingListCriteriaRequest FakeEnrolments::set() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

grpc::Status FakeEnrolments::StartEnrolment(grpc::ServerContext*,
                                            const referral::v1::StartEnrolmentRequest* request,
                                            referral::v1::Enrolment* response) {
  const std::lock_guard lock(mutex_);
  received_.started = *request;
  response->set_name(request->name());
  response->set_state(referral::v1::ENROLMENT_STATE_ATTENDING);
  response->set_revision(2);
  response->set_etag("e2");
  response->add_allowed_actions("PAUSE");
  response->set_next_on_list("referrals/01jd");
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::RecordAttendance(grpc::ServerContext*,
                                              const referral::v1::RecordAttendanceRequest* request,
                                              referral::v1::Enrolment* response) {
  const std::lock_guard lock(mutex_);
  received_.attended = *request;
  response->set_name(request->name());
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::RecordAssessment(grpc::ServerContext*,
                                              const referral::v1::RecordAssessmentRequest* request,
                                              referral::v1::Enrolment* response) {
  const std::lock_guard lock(mutex_);
  received_.assessed = *request;
  response->set_name(request->name());
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::VoidAssessment(grpc::ServerContext*,
                                            const referral::v1::VoidAssessmentRequest* request,
                                            referral::v1::Enrolment* response) {
  const std::lock_guard lock(mutex_);
  received_.voided = *request;
  response->set_name(request->name());
  return grpc::Status::OK;
}

grpc::Status FakeEnrolments::ListEnrolments(grpc::ServerContext*,
                                            const referral::v1::ListEnrolmentsRequest* request,
                                            referral::v1::ListEnrolmentsResponse* response) {
  const std::lock_guard lock(mutex_);
  received_.listed = *request;
  auto& enrolment = *response->add_enrolments();
  enrolment.set_name("enrolments/01jd-1-7");
  enrolment.set_state(referral::v1::ENROLMENT_STATE_PAUSED);
  enrolment.set_group_id("alpha");
  enrolment.mutable_programme_end()->set_programme("programmes/estia");
  enrolment.mutable_programme_end()->set_end_date("2026-02-27");
  enrolment.mutable_due()->set_clock(referral::v1::CLOCK_HAND_OVER);
  enrolment.mutable_due()->set_party(referral::v1::PARTY_RECEIVING);
  enrolment.mutable_due()->mutable_time()->set_seconds(1'772'236'800);  // 2026-02-28, midnight UTC
  return grpc::Status::OK;
}

FakeEnrolments::Received FakeEnrolments::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

namespace {

referral::v1::Path OnePath() {
  referral::v1::Path path;
  path.set_name("paths/01jd");
  path.set_referral("referrals/01jd");
  path.set_person(1);
  auto& language = *path.add_steps();
  language.set_number(1);
  language.set_theme(type::v1::THEME_LANGUAGE);
  language.set_state(referral::v1::PATH_STEP_STATE_DONE);
  language.set_referral("referrals/01je");
  auto& training = *path.add_steps();
  training.set_number(2);
  training.set_theme(type::v1::THEME_VOCATIONAL_TRAINING);
  training.set_state(referral::v1::PATH_STEP_STATE_PLANNED);
  return path;
}

}  // namespace

grpc::Status FakePaths::CreatePath(grpc::ServerContext*, const referral::v1::CreatePathRequest* request,
                                   referral::v1::Path* response) {
  const std::lock_guard lock(mutex_);
  received_.created = *request;
  *response = OnePath();
  return grpc::Status::OK;
}

grpc::Status FakePaths::ListPaths(grpc::ServerContext*, const referral::v1::ListPathsRequest* request,
                                  referral::v1::ListPathsResponse* response) {
  const std::lock_guard lock(mutex_);
  received_.listed = *request;
  *response->add_paths() = OnePath();
  return grpc::Status::OK;
}

grpc::Status FakePaths::UpdatePath(grpc::ServerContext*, const referral::v1::UpdatePathRequest* request,
                                   referral::v1::Path* response) {
  const std::lock_guard lock(mutex_);
  received_.updated = *request;
  *response = OnePath();
  return grpc::Status::OK;
}

grpc::Status FakePaths::TakeStep(grpc::ServerContext*, const referral::v1::TakeStepRequest* request,
                                 referral::v1::TakeStepResponse* response) {
  const std::lock_guard lock(mutex_);
  received_.taken = *request;
  *response->mutable_path() = OnePath();
  response->mutable_referral()->set_name("referrals/01jf");
  response->mutable_referral()->set_state(referral::v1::REFERRAL_STATE_REQUESTED);
  if (request->disclosure().override_ground() != referral::v1::OVERRIDE_GROUND_UNSPECIFIED) {
    // Against the person's wish: a second person is to approve it.
    response->mutable_referral()->set_state(referral::v1::REFERRAL_STATE_DRAFT);
    auto& step = *response->mutable_path()->mutable_steps(1);
    step.set_state(referral::v1::PATH_STEP_STATE_TO_BE_APPROVED);
    step.set_draft("referrals/01jf");
  }
  return grpc::Status::OK;
}

FakePaths::Received FakePaths::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

namespace {

std::unique_ptr<rpc::Server> Serve(const std::vector<grpc::Service*>& services) {
  auto server = rpc::Server::Start({.listen = "127.0.0.1:0"}, services);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  (*server)->SetServing(true);
  return *std::move(server);
}

std::string AddressOf(const rpc::Server& server) {
  return base::Cat("127.0.0.1:", server.port());
}

}  // namespace

ServedRunner::ServedRunner(std::string command, const std::vector<grpc::Service*>& services)
    : command_(std::move(command)), server_(Serve(services)) {}

ServedRunner::~ServedRunner() {
  server_->Shutdown(absl::Seconds(1));
}

RunResult ServedRunner::Run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), command_);
  arguments.insert(arguments.end(), {"--server", AddressOf(*server_)});
  return runner_.Run(arguments);
}

FakeServer::FakeServer() : server_(Serve({&directory, &referrals, &enrolments, &paths})) {}

FakeServer::~FakeServer() {
  server_->Shutdown(absl::Seconds(1));
}

std::string FakeServer::address() const {
  return AddressOf(*server_);
}

}  // namespace waypost::cli::testing
