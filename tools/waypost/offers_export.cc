// waypost offers export.
#include <map>
#include <memory>
#include <utility>

#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "tools/waypost/commands.h"
#include "tools/waypost/hsds_export.h"
#include "tools/waypost/json_text.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::cli {
namespace {

namespace pb = directory::v1;

constexpr char kService[] = "waypost.directory.v1.DirectoryService/";

struct ExportOptions {
  std::string format = "hsds";
  std::string provider;
  std::string programme;
  std::string out;
};

// One service after the other: an array, or a line for each.
class Services {
 public:
  explicit Services(bool by_lines) : by_lines_(by_lines) {}

  void Add(const nlohmann::json& service) {
    text_ += by_lines_ || count_ == 0 ? "" : ",\n";
    text_ += service.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text_ += by_lines_ ? "\n" : "";
    ++count_;
  }

  size_t count() const { return count_; }
  std::string Take() && { return by_lines_ ? std::move(text_) : base::Cat("[", text_, "]\n"); }

 private:
  const bool by_lines_;
  std::string text_;
  size_t count_ = 0;
};

// The provider of an offer that was not imported, which its service names; read once.
absl::StatusOr<pb::Body> ProviderOf(Session& session, const pb::Offer& offer,
                                    std::map<std::string, pb::Body>& known) {
  if (offer.has_source()) return pb::Body();
  const auto [found, is_new] = known.try_emplace(offer.provider());
  if (is_new) {
    pb::GetBodyRequest request;
    request.set_name(offer.provider());
    WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "GetBody", request, found->second));
  }
  return found->second;
}

absl::Status Export(Session& session, const ExportOptions& options) {
  Services services(options.out.ends_with(".jsonl") || options.out.ends_with(".ndjson"));
  std::map<std::string, pb::Body> providers;
  pb::ExportOffersRequest request;
  request.set_provider(options.provider);
  request.set_programme(options.programme);
  request.set_page_size(500);
  do {
    pb::ExportOffersResponse page;
    WAYPOST_RETURN_IF_ERROR(session.Call(std::string(kService) + "ExportOffers", request, page));
    for (const pb::ExportedOffer& exported : page.offers()) {
      WAYPOST_ASSIGN_OR_RETURN(const pb::Body provider, ProviderOf(session, exported.offer(), providers));
      WAYPOST_ASSIGN_OR_RETURN(const nlohmann::json service, HsdsServiceOf(exported, provider));
      services.Add(service);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  const size_t count = services.count();
  WAYPOST_RETURN_IF_ERROR(WriteFile(options.out, std::move(services).Take()));
  session.Hint(base::Cat(count, " services written to ", options.out));
  return absl::OkStatus();
}

}  // namespace

void AddOfferExport(CLI::App& offers, Session& session) {
  CLI::App& leaf = *offers.add_subcommand("export", "Write offers as services of HSDS 3.0");
  auto options = std::make_shared<ExportOptions>();
  leaf.add_option("--format", options->format, "of the file")
      ->check(CLI::IsMember({"hsds"}))
      ->capture_default_str();
  leaf.add_option("--provider", options->provider, "only of this body");
  leaf.add_option("--programme", options->programme, "only under this programme");
  leaf.add_option("--out", options->out, "an array of services, or with .jsonl a line for each")
      ->required()
      ->type_name("FILE");
  session.On(leaf, [&session, options] { return Export(session, *options); });
}

}  // namespace waypost::cli
