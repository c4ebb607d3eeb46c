// Runs the tool in the test's own process, against services that the test decides.
#ifndef WAYPOST_TOOLS_WAYPOST_CLI_TEST_UTIL_H_
#define WAYPOST_TOOLS_WAYPOST_CLI_TEST_UTIL_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/rpc/server.h"
#include "common/testing/temp_folder.h"
#include "tools/waypost/environment.h"
#include "tools/waypost/exit_codes.h"
#include "waypost/directory/v1/directory_service.grpc.pb.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"
#include "waypost/referral/v1/path_service.grpc.pb.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"

namespace waypost::cli::testing {

// 2026-03-01T12:00:00Z.
absl::Time TestNow();

class TestClock final : public base::Clock {
 public:
  absl::Time Now() const override { return TestNow(); }
};

// Bytes 0, 1, 2, …
class CountingRandom final : public base::Random {
 public:
  std::string Bytes(size_t size) override;

 private:
  unsigned char next_ = 0;
};

// What one run left behind.
struct RunResult {
  ExitCode code = ExitCode::kOk;
  std::string out;
  std::string err;
};

// Runs the tool with these words, in UTC+1 without a terminal.
class Runner {
 public:
  std::map<std::string, std::string> variables;
  std::string input;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // How long it would have slept between attempts.
  absl::Duration slept;
  // Called at each such time.
  std::function<void()> on_sleep;
  Interrupts interrupts;

  RunResult Run(const std::vector<std::string>& arguments);
};

// A folder for one test, gone with it.
class TestFolder {
 public:
  std::string Path(const std::string& name) const { return folder_ / name; }
  // The path of a new file with this content.
  std::string Write(const std::string& name, const std::string& content) const;
  std::string Read(const std::string& name) const;
  bool Has(const std::string& name) const;

 private:
  const ::waypost::testing::TempFolder folder_;
};

// Answers from a few methods, and what they were asked. Handlers may be called by several threads.
class FakeDirectory final : public directory::v1::DirectoryService::Service {
 public:
  grpc::Status ListBodies(grpc::ServerContext* context, const directory::v1::ListBodiesRequest* request,
                          directory::v1::ListBodiesResponse* response) override;
  grpc::Status UpdateBody(grpc::ServerContext* context, const directory::v1::UpdateBodyRequest* request,
                          directory::v1::Body* response) override;
  grpc::Status UpdateUnit(grpc::ServerContext* context, const directory::v1::UpdateUnitRequest* request,
                          directory::v1::Unit* response) override;
  grpc::Status UpdateProgramme(grpc::ServerContext* context,
                               const directory::v1::UpdateProgrammeRequest* request,
                               directory::v1::Programme* response) override;
  grpc::Status EndProgramme(grpc::ServerContext* context, const directory::v1::EndProgrammeRequest* request,
                            directory::v1::Programme* response) override;
  grpc::Status CreateSuccession(grpc::ServerContext* context,
                                const directory::v1::CreateSuccessionRequest* request,
                                directory::v1::Succession* response) override;
  grpc::Status ListSuccessions(grpc::ServerContext* context,
                               const directory::v1::ListSuccessionsRequest* request,
                               directory::v1::ListSuccessionsResponse* response) override;
  grpc::Status EndSuccession(grpc::ServerContext* context, const directory::v1::EndSuccessionRequest* request,
                             directory::v1::Succession* response) override;
  grpc::Status Enquire(grpc::ServerContext* context, const directory::v1::EnquireRequest* request,
                       directory::v1::Enquiry* response) override;
  grpc::Status AnswerEnquiry(grpc::ServerContext* context, const directory::v1::AnswerEnquiryRequest* request,
                             directory::v1::Enquiry* response) override;
  // The one that was asked, with its answer.
  grpc::Status ListEnquiries(grpc::ServerContext* context, const directory::v1::ListEnquiriesRequest* request,
                             directory::v1::ListEnquiriesResponse* response) override;
  // Has tasks for bodies/a alone.
  grpc::Status ListDirectoryTasks(grpc::ServerContext* context,
                                  const directory::v1::ListDirectoryTasksRequest* request,
                                  directory::v1::ListDirectoryTasksResponse* response) override;
  grpc::Status ResolveRoute(grpc::ServerContext* context, const directory::v1::ResolveRouteRequest* request,
                            directory::v1::ResolveRouteResponse* response) override;

  grpc::Status ImportOffers(grpc::ServerContext* context, const directory::v1::ImportOffersRequest* request,
                            directory::v1::ImportOffersResponse* response) override;
  grpc::Status ImportTerritories(grpc::ServerContext* context,
                                 const directory::v1::ImportTerritoriesRequest* request,
                                 directory::v1::ImportTerritoriesResponse* response) override;

  // How to answer an import; what it was asked is kept in any case. Creates everything unless set.
  std::function<grpc::Status(const directory::v1::ImportOffersRequest& request,
                             directory::v1::ImportOffersResponse& response)>
      on_import_offers;
  std::function<grpc::Status(const directory::v1::ImportTerritoriesRequest& request,
                             directory::v1::ImportTerritoriesResponse& response)>
      on_import_territories;
  // What the imports were asked until now.
  std::vector<directory::v1::ImportOffersRequest> imported_offers() const {
    const std::lock_guard lock(mutex_);
    return imported_offers_;
  }
  std::vector<directory::v1::ImportTerritoriesRequest> imported_territories() const {
    const std::lock_guard lock(mutex_);
    return imported_territories_;
  }

  std::vector<directory::v1::Body> bodies;
  directory::v1::UpdateBodyRequest updated;
  directory::v1::UpdateUnitRequest updated_unit;
  directory::v1::UpdateProgrammeRequest updated_programme;
  directory::v1::EndProgrammeRequest ended_programme;
  directory::v1::CreateSuccessionRequest created_succession;
  directory::v1::ListDirectoryTasksResponse tasks;
  directory::v1::EnquireRequest asked_enquiry;
  directory::v1::AnswerEnquiryRequest answered_enquiry;
  directory::v1::ResolveRouteRequest asked;
  directory::v1::ResolveRouteResponse route;

 private:
  mutable std::mutex mutex_;
  std::vector<directory::v1::ImportOffersRequest> imported_offers_;            // guarded by mutex_
  std::vector<directory::v1::ImportTerritoriesRequest> imported_territories_;  // guarded by mutex_
};

// One waiting list with eight places and two who wait.
class FakeEnrolments final : public referral::v1::EnrolmentService::Service {
 public:
  grpc::Status GetWaitingList(grpc::ServerContext* context,
                              const referral::v1::GetWaitingListRequest* request,
                              referral::v1::WaitingList* response) override;
  grpc::Status ListWaitingList(grpc::ServerContext* context,
                               const referral::v1::ListWaitingListRequest* request,
                               referral::v1::ListWaitingListResponse* response) override;
  grpc::Status SetWaitingListCriteria(grpc::ServerContext* context,
                                      const referral::v1::SetWaitingListCriteriaRequest* request,
                                      referral::v1::WaitingList* response) override;
  grpc::Status StartEnrolment(grpc::ServerContext* context,
                              const referral::v1::StartEnrolmentRequest* request,
                              referral::v1::Enrolment* response) override;
  grpc::Status RecordAttendance(grpc::ServerContext* context,
                                const referral::v1::RecordAttendanceRequest* request,
                                referral::v1::Enrolment* response) override;
  grpc::Status RecordAssessment(grpc::ServerContext* context,
                                const referral::v1::RecordAssessmentRequest* request,
                                referral::v1::Enrolment* response) override;
  grpc::Status VoidAssessment(grpc::ServerContext* context,
                              const referral::v1::VoidAssessmentRequest* request,
                              referral::v1::Enrolment* response) override;
  grpc::Status ListEnrolments(grpc::ServerContext* context,
                              const referral::v1::ListEnrolmentsRequest* request,
                              referral::v1::ListEnrolmentsResponse* response) override;

  // The list whose entries were asked for.
  std::string asked() const;
  referral::v1::SetWaitingListCriteriaRequest set() const;
  // What was last asked of each.
  struct Received {
    referral::v1::StartEnrolmentRequest started;
    referral::v1::RecordAttendanceRequest attended;
    referral::v1::RecordAssessmentRequest assessed;
    referral::v1::VoidAssessmentRequest voided;
    referral::v1::ListEnrolmentsRequest listed;
  };
  Received received() const;

 private:
  mutable std::mutex mutex_;
  std::string asked_;
  referral::v1::SetWaitingListCriteriaRequest set_;
  Received received_;
};

// One path of a language course and a training.
class FakePaths final : public referral::v1::PathService::Service {
 public:
  grpc::Status CreatePath(grpc::ServerContext* context, const referral::v1::CreatePathRequest* request,
                          referral::v1::Path* response) override;
  grpc::Status ListPaths(grpc::ServerContext* context, const referral::v1::ListPathsRequest* request,
                         referral::v1::ListPathsResponse* response) override;
  grpc::Status UpdatePath(grpc::ServerContext* context, const referral::v1::UpdatePathRequest* request,
                          referral::v1::Path* response) override;
  grpc::Status TakeStep(grpc::ServerContext* context, const referral::v1::TakeStepRequest* request,
                        referral::v1::TakeStepResponse* response) override;

  // What was last asked of each.
  struct Received {
    referral::v1::CreatePathRequest created;
    referral::v1::ListPathsRequest listed;
    referral::v1::UpdatePathRequest updated;
    referral::v1::TakeStepRequest taken;
  };
  Received received() const;

 private:
  mutable std::mutex mutex_;
  Received received_;  // guarded by mutex_
};

class FakeReferrals final : public referral::v1::ReferralService::Service {
 public:
  grpc::Status SubmitReferral(grpc::ServerContext* context,
                              const referral::v1::SubmitReferralRequest* request,
                              referral::v1::Referral* response) override;
  grpc::Status DeclineReferral(grpc::ServerContext* context,
                               const referral::v1::DeclineReferralRequest* request,
                               referral::v1::Referral* response) override;
  grpc::Status VoidEntry(grpc::ServerContext* context, const referral::v1::VoidEntryRequest* request,
                         referral::v1::Referral* response) override;
  grpc::Status VoidOutcome(grpc::ServerContext* context, const referral::v1::VoidOutcomeRequest* request,
                           referral::v1::Referral* response) override;
  grpc::Status CompleteReferral(grpc::ServerContext* context,
                                const referral::v1::CompleteReferralRequest* request,
                                referral::v1::Referral* response) override;
  grpc::Status AddNote(grpc::ServerContext* context, const referral::v1::AddNoteRequest* request,
                       referral::v1::Referral* response) override;
  // `shown`, by name.
  grpc::Status GetReferral(grpc::ServerContext* context, const referral::v1::GetReferralRequest* request,
                           referral::v1::Referral* response) override;
  grpc::Status ListReferralHistory(grpc::ServerContext* context,
                                   const referral::v1::ListReferralHistoryRequest* request,
                                   referral::v1::ListReferralHistoryResponse* response) override;
  grpc::Status ListReceiptKeys(grpc::ServerContext* context,
                               const referral::v1::ListReceiptKeysRequest* request,
                               referral::v1::ListReceiptKeysResponse* response) override;
  grpc::Status GetMyself(grpc::ServerContext* context, const referral::v1::GetMyselfRequest* request,
                         referral::v1::Myself* response) override;
  grpc::Status CancelReferral(grpc::ServerContext* context,
                              const referral::v1::CancelReferralRequest* request,
                              referral::v1::Referral* response) override;
  // referrals/01je is a part of whatever is asked about.
  grpc::Status ListParts(grpc::ServerContext* context, const referral::v1::ListPartsRequest* request,
                         referral::v1::ListPartsResponse* response) override;
  grpc::Status DiscloseReferral(grpc::ServerContext* context,
                                const referral::v1::DiscloseReferralRequest* request,
                                referral::v1::DiscloseReferralResponse* response) override;
  grpc::Status WatchReferrals(grpc::ServerContext* context,
                              const referral::v1::WatchReferralsRequest* request,
                              grpc::ServerWriter<referral::v1::WatchReferralsResponse>* writer) override;

  grpc::Status RecordRightsRequest(grpc::ServerContext* context,
                                   const referral::v1::RecordRightsRequestRequest* request,
                                   referral::v1::RightsRequest* response) override;
  grpc::Status AnswerRightsRequest(grpc::ServerContext* context,
                                   const referral::v1::AnswerRightsRequestRequest* request,
                                   referral::v1::RightsRequest* response) override;
  // `rights`, by name.
  grpc::Status GetRightsRequest(grpc::ServerContext* context,
                                const referral::v1::GetRightsRequestRequest* request,
                                referral::v1::RightsRequest* response) override;
  grpc::Status ListRightsRequests(grpc::ServerContext* context,
                                  const referral::v1::ListRightsRequestsRequest* request,
                                  referral::v1::ListRightsRequestsResponse* response) override;
  // `exported`.
  grpc::Status ExportPerson(grpc::ServerContext* context, const referral::v1::ExportPersonRequest* request,
                            referral::v1::ExportPersonResponse* response) override;
  grpc::Status ListRetention(grpc::ServerContext* context, const referral::v1::ListRetentionRequest* request,
                             referral::v1::ListRetentionResponse* response) override;
  grpc::Status ListRetentionReports(grpc::ServerContext* context,
                                    const referral::v1::ListRetentionReportsRequest* request,
                                    referral::v1::ListRetentionReportsResponse* response) override;

  // How to answer a submit; accepts everything unless set.
  std::function<grpc::Status(const referral::v1::SubmitReferralRequest& request)> on_submit;
  // How to answer a note; answers with the referral alone unless set.
  std::function<grpc::Status(const referral::v1::AddNoteRequest& request, referral::v1::Referral& response)>
      on_note;
  std::map<std::string, referral::v1::Referral> shown;
  std::map<std::string, referral::v1::RightsRequest> rights;
  referral::v1::ListReferralHistoryResponse history;
  referral::v1::ListReceiptKeysResponse receipt_keys;
  referral::v1::ExportPersonResponse exported;
  referral::v1::Myself myself;
  // How to answer a decline.
  std::function<grpc::Status()> on_decline;
  std::vector<referral::v1::WatchReferralsResponse> changes;
  // How a watch ends once it has told the changes; it stays open unless set.
  std::optional<grpc::Status> watch_end;
  // Called when a watch has told the changes.
  std::function<void()> on_told;

  struct Received {
    std::vector<referral::v1::SubmitReferralRequest> submitted;
    std::vector<referral::v1::DeclineReferralRequest> declined;
    std::vector<referral::v1::AddNoteRequest> noted;
    std::vector<referral::v1::VoidEntryRequest> voided;
    std::vector<referral::v1::VoidOutcomeRequest> outcomes_voided;
    referral::v1::CompleteReferralRequest completed;
    referral::v1::CancelReferralRequest cancelled;
    std::string parts_of;
    std::vector<referral::v1::RecordRightsRequestRequest> recorded;
    std::vector<referral::v1::AnswerRightsRequestRequest> answered;
    std::vector<std::string> authorizations;
    int disclosures = 0;
    referral::v1::DiscloseReferralRequest disclosed;
    std::string watched_from;
  };
  // What it was asked until now.
  Received received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  mutable std::mutex mutex_;
  Received received_;  // guarded by mutex_
  std::condition_variable never_;
};

// Runs the tool against services of the test's own, on a free port of this machine.
class ServedRunner {
 public:
  // `services` outlive this. Each run begins with the word `command`.
  ServedRunner(std::string command, const std::vector<grpc::Service*>& services);
  ~ServedRunner();

  RunResult Run(std::vector<std::string> arguments);

 private:
  const std::string command_;
  Runner runner_;
  std::unique_ptr<rpc::Server> server_;
};

// A server with these fakes on a free port of this machine.
class FakeServer {
 public:
  FakeServer();
  ~FakeServer();

  FakeDirectory directory;
  FakeEnrolments enrolments;
  FakePaths paths;
  FakeReferrals referrals;
  // "127.0.0.1:…".
  std::string address() const;

 private:
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace waypost::cli::testing

#endif  // WAYPOST_TOOLS_WAYPOST_CLI_TEST_UTIL_H_
