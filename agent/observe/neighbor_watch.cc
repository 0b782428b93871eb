#include "agent/observe/neighbor_watch.h"

#include <linux/rtnetlink.h>

#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/netlink/build.h"
#include "agent/netlink/message.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

constexpr int kEnoughForOneTurn = 1000;
constexpr int kReceiveBuffer = 4 << 20;  // bytes: a NIC that goes tells of each of its neighbours

}  // namespace

absl::StatusOr<NeighborWatch> NeighborWatch::Open(NetlinkSocket* socket) {
  ASSIGN_OR_RETURN(NetlinkPort port,
                   OpenNetlink({.receive_buffer = kReceiveBuffer, .groups = {RTNLGRP_NEIGH}}));
  NeighborWatch watch(std::move(port), socket);
  static_cast<void>(watch.Dump(MonotonicNow()));  // ignoring: Read() tries again, and tells
  return watch;
}

absl::Status NeighborWatch::Read(absl::Time now) {
  for (int i = 0; i < kEnoughForOneTurn; ++i) {
    absl::Span<const char> datagram;
    ASSIGN_OR_RETURN(const ReceiveOutcome outcome,
                     ReceiveDatagram(port_.fd.get(), buffer_, datagram));
    if (outcome == ReceiveOutcome::kNothing) {
      break;
    }
    lost_ |= outcome == ReceiveOutcome::kOverrun;
    if (outcome != ReceiveOutcome::kDatagram) {
      continue;
    }
    lost_ |= !ForEachMessage(datagram, [&](const nlmsghdr& message) {
      const auto neighbor = ParseNeighbor(message);
      if (neighbor.has_value() && message.nlmsg_type == RTM_NEWNEIGH) {
        memory_.Seen(*neighbor, now);
      } else if (neighbor.has_value()) {
        memory_.Dropped(neighbor->link, neighbor->ip, now);
      }
    });
  }
  return lost_ ? Dump(now) : absl::OkStatus();
}

absl::Status NeighborWatch::Dump(absl::Time now) {
  const auto parse = [](const nlmsghdr& message, std::vector<NeighborFact>& neighbors) {
    if (const auto neighbor = ParseNeighbor(message); neighbor.has_value()) {
      neighbors.push_back(*neighbor);
    }
  };
  ASSIGN_OR_RETURN(
      const std::vector<NeighborFact> neighbors,
      DumpFacts<NeighborFact>(*socket_, DumpNeighborsRequest(), "list neighbours", parse));
  memory_.Replace(neighbors, now);
  lost_ = false;
  return absl::OkStatus();
}

}  // namespace stronghost
