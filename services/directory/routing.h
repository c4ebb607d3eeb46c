// Who could help: orders what the repository found for a theme and a territory, and says why each is or is
// not a match. Pure; thread-safe. The request's attributes are neither kept nor logged.
//
// Order, each criterion deciding only where those before it are equal:
//   1. a match before what does not match
//   2. nearest level of government first: LOCAL, REGIONAL, NATIONAL, EUROPEAN (subsidiarity)
//   3. the narrowest covering territory first
//   4. a recorded competence before an offer alone
//   5. eligible, then not known, then not eligible
//   6. free places, then not known or stale, then full: as reported or as counted (counted_places.h)
//   7. the language the person puts first, then the next, then none
//   8. the names of the body and the offer
//
// A body whose place went to another one has it no more: its competence counts for the successor. Where the
// body exists no longer, or its offers went with a competence, they are the successor's, and their
// candidates say from whom it has them.
// Until they were handed on they are no match, and the successor stands in their place, without an offer. A
// successor that has a competence or a matching offer of its own here stands by that.
#ifndef WAYPOST_SERVICES_DIRECTORY_ROUTING_H_
#define WAYPOST_SERVICES_DIRECTORY_ROUTING_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/directory/counted_places.h"
#include "services/directory/succession.h"
#include "waypost/directory/v1/directory.pb.h"
#include "waypost/directory/v1/requests.pb.h"

namespace waypost::directory {

// An offer that serves the territory asked for.
struct FoundOffer {
  v1::Offer offer;
  std::string territory;  // the one of its territories that covers it
  CountedGroups counted = {};
  // Whoever stands in the place of its provider, which goes on, delivers it by now: it was not handed on yet.
  bool goes = false;
};

// What is recorded for one theme and one territory. Every offer's provider, and programme if it has one, is
// among `bodies` and `programmes`; one that is not counts as dissolved, or as ended.
struct RouteMaterial {
  std::map<std::string, v1::Body, std::less<>> bodies;
  std::vector<FoundOffer> offers;
  std::map<std::string, v1::Programme, std::less<>> programmes;
  // By the name of the predecessor, which is among `bodies` as the successor is.
  std::map<std::string, Successor, std::less<>> successors;
  // By the name of an offer that its provider has from another body by a succession: that body.
  std::map<std::string, std::string, std::less<>> inherited;
  std::string coordinating_body;    // empty: nobody
  bool recorded_for_parts = false;  // there is something for territories within the one asked for
  bool truncated = false;           // there is more than was looked at
};

// REQUIRES: `request` passed its check.
v1::ResolveRouteResponse Rank(const v1::ResolveRouteRequest& request, const RouteMaterial& material,
                              absl::Time now);

// True when an offer counts as an answer to a request for this function.
bool OffersCountFor(v1::CompetenceFunction function);

}  // namespace waypost::directory

#endif  // WAYPOST_SERVICES_DIRECTORY_ROUTING_H_
