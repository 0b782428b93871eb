#include "agent/observe/monitor.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "agent/base/status.h"
#include "agent/netlink/message.h"
#include "agent/observe/snapshot.h"

namespace stronghost {
namespace {

constexpr size_t kEnoughForOneTurn = 1000;
constexpr int kSnapshotTries = 4;

}  // namespace

absl::StatusOr<NetlinkMonitor> NetlinkMonitor::Open(DriverNames* drivers, const Options& options) {
  NetlinkOptions netlink;
  netlink.receive_buffer = options.receive_buffer;
  netlink.groups = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                    RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
                    RTNLGRP_IPV6_RULE};
  ASSIGN_OR_RETURN(NetlinkPort port, OpenNetlink(netlink));
  return NetlinkMonitor(std::move(port), drivers);
}

absl::StatusOr<std::vector<KernelEvent>> NetlinkMonitor::Read() {
  std::vector<KernelEvent> events;
  while (events.size() < kEnoughForOneTurn) {
    absl::Span<const char> datagram;
    ASSIGN_OR_RETURN(const ReceiveOutcome outcome,
                     ReceiveDatagram(port_.fd.get(), buffer_, datagram));
    if (outcome == ReceiveOutcome::kNothing) {
      break;
    }
    if (outcome == ReceiveOutcome::kOverrun) {
      events.emplace_back(Resync{});
      continue;
    }
    const bool good = ForEachMessage(
        datagram, [&events](const nlmsghdr& message) { DecodeEvent(message, events); });
    if (!good) {
      events.emplace_back(Resync{});
    }
  }
  NameDrivers(absl::MakeSpan(events));
  return events;
}

absl::StatusOr<Facts> NetlinkMonitor::Snapshot(NetlinkSocket& socket) {
  for (int attempt = 1;; ++attempt) {
    std::vector<KernelEvent> events;
    do {
      ASSIGN_OR_RETURN(events, Read());
    } while (events.size() >= kEnoughForOneTurn);
    ASSIGN_OR_RETURN(Facts facts, ReadFacts(socket, *drivers_));
    ASSIGN_OR_RETURN(events, Read());
    if (events.empty()) {
      return facts;
    }
    const bool lost = std::any_of(events.begin(), events.end(), [](const KernelEvent& event) {
      return std::holds_alternative<Resync>(event);
    });
    if (attempt >= kSnapshotTries && !lost) {
      for (const KernelEvent& event : events) {
        ApplyEvent(facts, event);
      }
      return facts;
    }
    if (attempt >= 2 * kSnapshotTries) {
      return absl::AbortedError(
          "read links, addresses, routes and rules: they change faster than they can be read");
    }
  }
}

void NetlinkMonitor::NameDrivers(absl::Span<KernelEvent> events) {
  for (KernelEvent& event : events) {
    if (auto* changed = std::get_if<LinkChanged>(&event)) {
      changed->link.driver = drivers_->Get(changed->link.index, changed->link.name);
    } else if (const auto* gone = std::get_if<LinkGone>(&event)) {
      drivers_->Forget(gone->link);
    }
  }
}

}  // namespace stronghost
