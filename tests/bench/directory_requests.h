// A directory of Europe's size, and questions to it, that the benchmarks send.
#ifndef WAYPOST_TESTS_BENCH_DIRECTORY_REQUESTS_H_
#define WAYPOST_TESTS_BENCH_DIRECTORY_REQUESTS_H_

#include <cstdint>

#include "waypost/directory/v1/requests.pb.h"

namespace waypost::bench {

// Of 200 bodies one is a national agency and three are regions; the others are municipalities, each with a
// local administrative unit of its own, spread evenly over 27 countries with 60 NUTS 3 regions each. Each is
// competent for three themes.
directory::v1::CreateBodyRequest MakeBody(uint64_t number);

// How many offers one call of ImportOffers brings.
inline constexpr uint64_t kOffersInCall = 100;

// Offers number × kOffersInCall and on, dealt out to `bodies` bodies in turns: of ten one serves the NUTS 3
// region of its provider, of a hundred one the whole country, the others what their provider serves.
directory::v1::ImportOffersRequest MakeOffers(uint64_t number, uint64_t bodies);

// Who could help with one of the 19 themes in one of the municipalities, by what is known of an adult.
directory::v1::ResolveRouteRequest MakeRoute(uint64_t number, uint64_t bodies);

}  // namespace waypost::bench

#endif  // WAYPOST_TESTS_BENCH_DIRECTORY_REQUESTS_H_
