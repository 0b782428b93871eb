#include "agent/act/neighbors.h"

#include <linux/neighbour.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/netlink/build.h"

namespace stronghost {

absl::Status CarryNeighbors(NetlinkSocket& socket, std::vector<NeighborFact> neighbors,
                            IfIndex to) {
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

absl::Status ResolveNeighbor(NetlinkSocket& socket, IfIndex link, const IpAddress& ip) {
  std::vector<NetlinkMessage> requests;
  requests.push_back(ResolveNeighborRequest(link, ip));
  const NetlinkAnswer answer = socket.TransactAll(absl::MakeSpan(requests)).front();
  return answer.ok() ? absl::OkStatus()
                     : answer.ToStatus(absl::StrCat("resolve the neighbour ", ip.ToString()));
}

}  // namespace stronghost
