// A namespace of its own with two NICs and what the agent needs to read and change it.
//
//   eth0 -- sw0    eth1 -- sw1    all four in the one namespace, up
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/act/kernel_apply.h"
#include "agent/netlink/canonical.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/facts_events.h"
#include "agent/observe/monitor.h"
#include "agent/observe/snapshot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/await.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/netns.h"

namespace stronghost {

inline IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}
inline IpPrefix Prefix(const std::string& text) {
  return *IpPrefix::Parse(text);
}
inline MacAddress Mac(const std::string& text) {
  return *MacAddress::Parse(text);
}

// Facts in an order of their own, without what the kernel changes by itself: two snapshots of the
// same state are equal.
inline Facts Comparable(Facts facts) {
  for (RouteFact& route : facts.routes) {
    route = CanonicalRoute(route);
  }
  std::sort(facts.routes.begin(), facts.routes.end());
  std::sort(facts.rules.begin(), facts.rules.end());
  std::sort(facts.addresses.begin(), facts.addresses.end(), [](const auto& a, const auto& b) {
    return std::pair(a.link, a.ip) < std::pair(b.link, b.ip);
  });
  return facts;
}

inline bool SameFacts(const Facts& left, const Facts& right) {
  const Facts a = Comparable(left);
  const Facts b = Comparable(right);
  return a.links == b.links && a.addresses == b.addresses && a.routes == b.routes &&
         a.rules == b.rules;
}

// Something to read for whoever finds two snapshots unequal.
inline std::string Text(const Facts& facts) {
  std::string text;
  for (const auto& [index, link] : facts.links) {
    text += "link " + link.name + (link.admin_up ? " up" : "") + (link.carrier ? " carrier" : "") +
            " driver " + link.driver + " group " + std::to_string(link.ifgroup) + "\n";
  }
  const Facts sorted = Comparable(facts);
  for (const AddressFact& address : sorted.addresses) {
    text += Describe(AddAddress{address}, facts) + " flags " + std::to_string(address.flags) + "\n";
  }
  for (const RouteFact& route : sorted.routes) {
    text += Describe(AddRoute{route}, facts) + "\n";
  }
  for (const RuleFact& rule : sorted.rules) {
    text += Describe(AddRule{rule}, facts) + "\n";
  }
  return text;
}

class NetlinkLab : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "makes network namespaces: run as root";
    }
    ASSERT_OK_AND_ASSIGN(auto netns, lab::NetNs::Create("netlink"));
    netns_.emplace(std::move(netns));
    ASSERT_OK_AND_ASSIGN(auto scope, lab::NetNsScope::Enter(netns_->fd()));
    scope_.emplace(std::move(scope));
    IpBatch(
        "link add eth0 type veth peer name sw0\n"
        "link add eth1 type veth peer name sw1\n"
        "link set eth0 up\nlink set sw0 up\nlink set eth1 up\nlink set sw1 up\n");
    ASSERT_OK_AND_ASSIGN(auto socket, NetlinkSocket::Open());
    socket_.emplace(std::move(socket));
    ASSERT_OK_AND_ASSIGN(auto drivers, DriverNames::Open());
    drivers_.emplace(std::move(drivers));
    // The link-local addresses come last: nothing changes by itself after them.
    ASSERT_OK(lab::Await(absl::Seconds(10), [this] {
      const Facts facts = Read();
      return facts.addresses.size() == 6 &&  // with 127.0.0.1 and ::1
             std::all_of(facts.addresses.begin(), facts.addresses.end(),
                         [](const AddressFact& address) { return (address.flags & 0x40) == 0; });
    }));
  }

  // Runs `ip` commands, one a line.
  void IpBatch(const std::string& commands) { ASSERT_OK(netns_->IpBatch(commands)); }

  Facts Read() {
    const auto facts = ReadFacts(*socket_, *drivers_);
    EXPECT_OK(facts);
    return facts.ok() ? *facts : Facts{};
  }

  IfIndex Index(const std::string& name) {
    const Facts facts = Read();
    const LinkFact* link = facts.FindLink(name);
    EXPECT_NE(link, nullptr) << name;
    return link != nullptr ? link->index : IfIndex::kNone;
  }

  std::optional<lab::NetNs> netns_;
  std::optional<lab::NetNsScope> scope_;  // left before the namespace is deleted
  std::optional<NetlinkSocket> socket_;
  std::optional<DriverNames> drivers_;
};

}  // namespace stronghost
