// People of several bodies who do, as chance has it, what the service says that they may do with a referral.
// For tests of whole histories. Not thread-safe: each thread plays with people of its own.
#ifndef WAYPOST_SERVICES_REFERRAL_REFERRAL_PLAY_TESTING_H_
#define WAYPOST_SERVICES_REFERRAL_REFERRAL_PLAY_TESTING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "waypost/referral/v1/enrolment_service.grpc.pb.h"
#include "waypost/referral/v1/referral_service.grpc.pb.h"

namespace waypost::referral::testing {

// A supervisor, who may do most.
struct Player {
  std::string body;
  std::string token;
};

// Something that somebody is about to do, over a stub that need not be the one it was chosen with. To send it
// again is to repeat it: its request id stays.
struct Deed {
  std::string referral;  // empty: it opens one
  std::string event;
  std::string body;
  std::function<absl::StatusOr<v1::Referral>(v1::ReferralService::Stub&)> send;
};

// The same about an enrolment.
struct EnrolmentDeed {
  std::string enrolment;
  std::string event;
  std::string body;
  std::function<absl::StatusOr<v1::Enrolment>(v1::EnrolmentService::Stub&)> send;
};

// The same about a right that a person in a referral uses.
struct RightsDeed {
  std::string referral;
  std::string event;  // "WITHDRAW", "OBJECT", "RECTIFY", "RESTRICT", "ASK_ACCESS", or "ANSWER_RIGHT"
  std::string body;
  uint32_t person = 0;
  v1::RightAnswer answer = v1::RIGHT_ANSWER_UNSPECIFIED;  // none where it is recorded
  std::function<absl::StatusOr<v1::RightsRequest>(v1::ReferralService::Stub&)> send;
};

// An offer whose groups people wait for and get places in.
struct PlayedOffer {
  std::string body;  // that delivers it
  std::string offer;
  std::vector<std::string> groups;
};

class Play {
 public:
  struct Options {
    std::vector<Player> players;
    std::function<absl::Time()> now;
    unsigned seed = 1;
    std::string run = "play";  // of its request ids
    // Persons of a referral that it opens.
    int persons = 1;
    // Each person with an even number is referred by consent.
    bool every_second_consents = false;
    // Some of the referrals to their bodies ask for one of them, and some get a place or wait there.
    std::vector<PlayedOffer> offers = {};
    // What its referrals are about, and where, each by chance; empty: as CompleteReferral has it.
    std::vector<type::v1::Theme> themes = {};
    std::vector<std::string> territories = {};
    // Its referrals are protected: for whoever opens them and for these pseudonyms at the other body. Empty:
    // they are not.
    std::vector<std::string> receiving_readers = {};
    // Its bodies also place holds on their shares, and release them.
    bool legal_holds = false;
    // How far ahead the dates and appointments are on which its people agree.
    absl::Duration date_ahead = absl::Hours(24 * 7);
  };
  // `stub` must outlive this.
  Play(v1::ReferralService::Stub& stub, Options options);

  // A new referral, from the first player to another one.
  Deed Open();
  // A new part of this one, by whoever holds its case; nothing where nobody may make one.
  std::optional<Deed> OpenPart(const std::string& referral);
  // What somebody may do with this one, both chosen by chance; nothing where nobody may do anything, or what
  // they would is left out of this play.
  std::optional<Deed> Choose(const std::string& referral);
  // What the provider of one of the played offers may do with one of its enrolments, chosen by chance;
  // nothing where there is none.
  std::optional<EnrolmentDeed> ChooseEnrolment(v1::EnrolmentService::Stub& enrolments);
  // A person in this one withdraws, objects, has something put right or use restricted, or asks what is held
  // of her, at whoever may record it; or a body of it answers somebody who did. Nothing where nobody may.
  std::optional<RightsDeed> ChooseRight(const std::string& referral);

  // A number from 0 to end - 1.
  int Below(int end);
  const std::vector<Player>& players() const { return options_.players; }

 private:
  // The first deed that `make` has for one of the players who see the referral, in an order by chance.
  template <typename MakeDeed>
  auto OfSomebody(const std::string& referral, const MakeDeed& make)
      -> decltype(make(Player(), v1::Referral()));
  // The request for an event, ready to be sent; nothing for what this play leaves out.
  std::optional<Deed> Make(const Player& by, const v1::Referral& seen, std::string_view event);
  std::optional<Deed> MakeAnswer(const Player& by, const v1::Referral& seen, std::string_view event);
  std::optional<Deed> MakeWork(const Player& by, const v1::Referral& seen, std::string_view event);
  // What changes no state: who has it, how urgent it is, and when what is due is to be.
  std::optional<Deed> MakeAside(const Player& by, const v1::Referral& seen, std::string_view event);
  std::optional<Deed> MakeDate(const Player& by, const v1::Referral& seen, std::string_view event);
  std::optional<Deed> MakeAppointment(const Player& by, const v1::Referral& seen);
  std::optional<Deed> MakeLegalHold(const Player& by, const v1::Referral& seen, std::string_view event);
  RightsDeed MakeRight(const Player& by, const v1::Referral& seen);
  std::optional<RightsDeed> MakeRightAnswer(const Player& by, const v1::Referral& seen);
  // It erases what it has of her, keeps it by a law, or restricts its use; puts it right, says that the other
  // side has, or that it is right as it is; or gives her what it has.
  void AnswerIt(const Player& by, const v1::Referral& seen, const v1::RightMark& owed,
                v1::AnswerRightsRequestRequest& request);
  std::optional<Deed> MakeMove(const Player& by, const v1::Referral& seen, std::string_view event);
  std::optional<Deed> MakeEnd(const Player& by, const v1::Referral& seen, std::string_view event);
  // With what becomes of each part; nothing where the listing does not tell which of them are open.
  std::optional<Deed> MakeCancel(const Player& by, const v1::Referral& seen);
  v1::SubmitReferralRequest NewReferral(const std::string& to);
  std::optional<EnrolmentDeed> MakeOfEnrolment(const Player& by, const v1::Enrolment& seen,
                                               std::string_view event);
  const std::string& AnyBody();
  // One of the played offers of a body, by chance; null where it has none.
  const PlayedOffer* AnyOfferOf(const std::string& body);
  const std::string& AnyGroupOf(const PlayedOffer& offer);
  // The one that a referral to `body` asks for; null where that is none of them.
  const PlayedOffer* FindOffer(const std::string& body, const std::string& offer) const;

  template <typename Request, typename Resource>
  Request On(const Resource& seen);
  // With a disclosure of each person of whom nothing forbids it.
  template <typename Request>
  Request ToBody(const v1::Referral& seen, const std::string& body);
  template <typename Request, typename Method>
  Deed Sending(const Player& by, std::string_view event, Method method, Request request);

  v1::ReferralService::Stub& stub_;
  const Options options_;
  std::minstd_rand random_;
  int requests_ = 0;
};

}  // namespace waypost::referral::testing

#endif  // WAYPOST_SERVICES_REFERRAL_REFERRAL_PLAY_TESTING_H_
