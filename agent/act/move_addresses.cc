#include "agent/act/move_addresses.h"

#include <linux/rtnetlink.h>

#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/clock.h"
#include "agent/netlink/datagram.h"
#include "agent/netlink/message.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

constexpr absl::Duration kLongest = absl::Seconds(1);
// Bytes. Nobody reads while the steps are made; the kernel counts some 800 for one address.
constexpr int kReceiveBuffer = 32 << 20;

using AddressIds = std::set<std::pair<IfIndex, IpAddress>>;

// Of IPv6, and on another NIC as well.
AddressIds ToBeAccepted(absl::Span<const KernelStep> steps, const Facts& facts) {
  absl::btree_map<IpAddress, IfIndex> targets;
  for (const KernelStep& step : steps) {
    const AddressFact& added = std::get<AddAddress>(step).address;
    if (added.ip.address.IsV6()) {
      targets[added.ip.address] = added.link;
    }
  }
  AddressIds ids;
  for (const AddressFact& fact : facts.addresses) {
    const auto target = targets.find(fact.ip.address);
    if (target != targets.end() && target->second != fact.link) {
      ids.emplace(target->second, target->first);
    }
  }
  return ids;
}

// The kernel tells of the address when it gives it the route, and holds the lock for both (rtnl)
// that a deletion has to wait for.
void AwaitNews(const NetlinkPort& port, AddressIds& awaited) {
  std::vector<char> buffer;
  const absl::Time deadline = MonotonicNow() + kLongest;
  while (!awaited.empty()) {
    absl::Span<const char> datagram;
    const auto outcome = ReceiveDatagram(port.fd.get(), buffer, datagram);
    if (!outcome.ok() || *outcome == ReceiveOutcome::kOverrun) {
      return;  // nobody can say now
    }
    if (*outcome == ReceiveOutcome::kNothing) {
      const int64_t left = absl::ToInt64Milliseconds(deadline - MonotonicNow());
      if (left <= 0 || !WaitReadable(port.fd.get(), static_cast<int>(left)).ok()) {
        return;
      }
      continue;
    }
    ForEachMessage(datagram, [&awaited](const nlmsghdr& message) {
      const auto address = message.nlmsg_type == RTM_NEWADDR ? ParseAddress(message) : std::nullopt;
      if (address.has_value()) {
        awaited.erase({address->link, address->ip.address});
      }
    });
  }
}

}  // namespace

ApplyReport AddMovingAddresses(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                               const Facts& facts) {
  AddressIds awaited = ToBeAccepted(steps, facts);
  if (awaited.empty()) {
    return ApplySteps(socket, steps, facts);
  }
  const auto news =
      OpenNetlink({.receive_buffer = kReceiveBuffer, .groups = {RTNLGRP_IPV6_IFADDR}});
  ApplyReport report = ApplySteps(socket, steps, facts);
  const auto forget = [&awaited](const KernelStep& step) {
    const AddressFact& address = std::get<AddAddress>(step).address;
    awaited.erase({address.link, address.ip.address});
  };
  for (const StepFailure& failure : report.failures) {
    forget(failure.step);
  }
  for (const KernelStep& step : report.found_done) {
    forget(step);
  }
  if (news.ok()) {
    AwaitNews(*news, awaited);
  }
  return report;
}

}  // namespace stronghost
