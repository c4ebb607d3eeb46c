// The groups of commands. Each adds its subcommands to `root`; the session outlives the app's parse and run.
#ifndef WAYPOST_TOOLS_WAYPOST_COMMANDS_H_
#define WAYPOST_TOOLS_WAYPOST_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "tools/waypost/session.h"

namespace waypost::cli {

void AddTokenCommand(CLI::App& root, Session& session);
void AddWhoamiCommand(CLI::App& root, Session& session);
void AddBodyCommands(CLI::App& root, Session& session);
void AddUnitCommands(CLI::App& root, Session& session);
void AddOfferCommands(CLI::App& root, Session& session);
void AddProgrammeCommands(CLI::App& root, Session& session);
void AddSuccessionCommands(CLI::App& root, Session& session);
void AddEnquiryCommands(CLI::App& root, Session& session);
void AddAgreementCommands(CLI::App& root, Session& session);
void AddTerritoryCommands(CLI::App& root, Session& session);
void AddRouteCommand(CLI::App& root, Session& session);
void AddReferralCommands(CLI::App& root, Session& session);
void AddWaitingListCommands(CLI::App& root, Session& session);
void AddRetentionCommands(CLI::App& root, Session& session);
void AddRightsCommands(CLI::App& root, Session& session);
void AddEnrolmentCommands(CLI::App& root, Session& session);
void AddCorrectionCommands(CLI::App& root, Session& session);
void AddBreachCommands(CLI::App& root, Session& session);
void AddPathCommands(CLI::App& root, Session& session);
void AddStatisticsCommand(CLI::App& root, Session& session);
void AddAuditCommands(CLI::App& root, Session& session);
void AddSendLaterCommand(CLI::App& root, Session& session);
void AddReflectionCommand(CLI::App& root, Session& session);
void AddCompletionCommand(CLI::App& root, Session& session);

// Parts of `waypost offers`.
void AddOfferCheck(CLI::App& offers, Session& session);
void AddOfferImport(CLI::App& offers, Session& session);
void AddOfferExport(CLI::App& offers, Session& session);

// Parts of `waypost referral`.
void AddReferralWriting(CLI::App& referral, Session& session);
void AddReferralReading(CLI::App& referral, Session& session);
void AddReferralDisclosure(CLI::App& referral, Session& session);
void AddReferralActions(CLI::App& referral, Session& session);
void AddReferralWatch(CLI::App& referral, Session& session);
void AddReferralImport(CLI::App& referral, Session& session);
void AddReferralReceipts(CLI::App& referral, Session& session);
void AddReferralDuplicates(CLI::App& referral, Session& session);

// A part of `waypost rights`.
void AddRightsReceipts(CLI::App& rights, Session& session);
// "rightsRequests/01jd…" of that, or of "01jd…".
std::string RightsName(const std::string& text);

}  // namespace waypost::cli

#endif  // WAYPOST_TOOLS_WAYPOST_COMMANDS_H_
