#include "agent/act/neighbors.h"

#include <linux/neighbour.h>

#include <cerrno>
#include <vector>

#include "agent/base/status.h"
#include "agent/netlink/build.h"
#include "agent/netlink/parse.h"

namespace stronghost {

absl::Status CarryNeighbors(NetlinkSocket& socket, IfIndex from, IfIndex to) {
  constexpr uint16_t kResolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
  const auto parse = [from](const nlmsghdr& message, std::vector<NeighborFact>& neighbors) {
    if (const auto neighbor = ParseNeighbor(message);
        neighbor.has_value() && neighbor->link == from && (neighbor->state & kResolved) != 0) {
      neighbors.push_back(*neighbor);
    }
  };
  ASSIGN_OR_RETURN(
      std::vector<NeighborFact> neighbors,
      DumpFacts<NeighborFact>(socket, DumpNeighborsRequest(from), "list neighbours", parse));
  std::vector<NetlinkMessage> requests;
  for (NeighborFact& neighbor : neighbors) {
    neighbor.link = to;
    neighbor.state = NUD_STALE;
    requests.push_back(AddNeighborRequest(neighbor));
  }
  for (const NetlinkAnswer& answer : socket.TransactAll(absl::MakeSpan(requests))) {
    if (!answer.ok() && answer.error_number != EEXIST) {
      return answer.ToStatus("hand on a neighbour");
    }
  }
  return absl::OkStatus();
}

}  // namespace stronghost
