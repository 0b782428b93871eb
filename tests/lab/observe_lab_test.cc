// Snapshots, announcements and carrier polls of a real kernel.
#include <linux/rtnetlink.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/netlink/build.h"
#include "agent/netlink/parse.h"
#include "agent/observe/carrier_poll.h"
#include "tests/lab/netlink_fixture.h"

namespace stronghost {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class Observe : public NetlinkLab {
 protected:
  void OpenMonitor(int receive_buffer = 8 << 20) {
    ASSERT_OK_AND_ASSIGN(auto monitor,
                         NetlinkMonitor::Open(&*drivers_, {.receive_buffer = receive_buffer}));
    monitor_.emplace(std::move(monitor));
  }

  std::vector<KernelEvent> Events() {
    const auto events = monitor_->Read();
    EXPECT_OK(events);
    return events.ok() ? *events : std::vector<KernelEvent>{};
  }

  // Adds or deletes 1,000 addresses on eth0.
  void Flood(bool add) {
    const IfIndex eth0 = Index("eth0");
    std::vector<NetlinkMessage> requests;
    for (int i = 0; i < 1000; ++i) {
      const AddressFact address{
          .link = eth0, .ip = Prefix(absl::StrCat("198.51.", 100 + i / 250, ".", 1 + i % 250))};
      requests.push_back(add ? AddAddressRequest(address) : DeleteAddressRequest(address));
    }
    for (const NetlinkAnswer& answer : socket_->TransactAll(absl::MakeSpan(requests))) {
      ASSERT_OK(answer.ToStatus("flood"));
    }
  }

  std::optional<NetlinkMonitor> monitor_;
};

TEST_F(Observe, ASnapshotTellsWhatIpTells) {
  IpBatch(
      "addr add 198.51.100.1/24 dev eth0\n"
      "link set eth0 group 5300 mtu 1400 address 02:00:5e:10:00:01\n"
      "link add link eth0 name macvlan0 type macvlan mode bridge\n"
      "link add br0 type bridge\n"
      "link set eth1 master br0\n"
      "route add default nexthop via 198.51.100.253 nexthop via 198.51.100.254\n"
      "route add 203.0.113.0/24 via 198.51.100.254 proto bird\n"
      "route add default via 198.51.100.254 table 77\n");
  const Facts facts = Read();
  const LinkFact* eth0 = facts.FindLink("eth0");
  ASSERT_NE(eth0, nullptr);
  EXPECT_TRUE(eth0->admin_up);
  EXPECT_TRUE(eth0->carrier);
  EXPECT_EQ(eth0->mac, Mac("02:00:5e:10:00:01"));
  EXPECT_EQ(eth0->mtu, 1400U);
  EXPECT_EQ(eth0->ifgroup, 5300U);
  EXPECT_EQ(eth0->kind, "veth");
  EXPECT_EQ(eth0->driver, "veth");
  EXPECT_EQ(eth0->parent, IfIndex::kNone);
  const LinkFact* child = facts.FindLink("macvlan0");
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->kind, "macvlan");
  EXPECT_EQ(child->parent, eth0->index);
  EXPECT_EQ(facts.FindLink("eth1")->master, facts.FindLink("br0")->index);
  EXPECT_EQ(facts.FindLink("br0")->driver, "bridge");
  const auto gateways = [&] {
    std::vector<IpAddress> found;
    for (const RouteFact& route : facts.routes) {
      EXPECT_EQ(route.table, uint32_t{RT_TABLE_MAIN});
      EXPECT_NE(route.destination, Prefix("203.0.113.0/24")) << "of a routing daemon";
      if (route.destination == Prefix("0.0.0.0/0")) {
        found.push_back(*route.gateway);
      }
    }
    return found;
  }();
  EXPECT_THAT(gateways, ElementsAre(Ip("198.51.100.253"), Ip("198.51.100.254")));
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_THAT(facts.rules, Contains(RuleFact{.family = family,
                                               .priority = 32766,
                                               .table = RT_TABLE_MAIN,
                                               .protocol = RTPROT_KERNEL}));
  }
}

// Each of these, then the snapshot kept by events against a fresh one: among them everything that
// the kernel does without saying so.
TEST_F(Observe, EventsKeepASnapshotCurrent) {
  OpenMonitor();
  ASSERT_OK_AND_ASSIGN(Facts facts, monitor_->Snapshot(*socket_));
  for (const char* command : {
           "addr add 198.51.100.1/24 dev eth0",
           "addr add 198.51.100.2/24 dev eth0",
           "addr add 203.0.113.1/24 dev eth1",
           "addr add 2001:db8::1/64 dev eth0",
           "route add default via 198.51.100.254",
           "route add 192.0.2.0/24 via 203.0.113.254 src 198.51.100.2 table 5301",
           "route add 192.0.2.64/26 table 5301 nexthop via 203.0.113.2 nexthop via 198.51.100.3",
           "route replace default via 198.51.100.253",
           "route add default via 198.51.100.252 metric 7",
           "route add default via 198.51.100.252 table 5301",
           "route add default via 198.51.100.252 table 77",
           "-6 route add default via 2001:db8::fe dev eth0",
           "-6 route replace default via 2001:db8::fd dev eth0",
           "-6 route append default via 2001:db8::fc dev eth0",
           "-6 route add 2001:db8:1::/48 via 2001:db8::fd table 5302",
           "rule add from 198.51.100.1 lookup 5301 priority 5301",
           "rule add from 198.51.100.1 iif lo lookup 5301 priority 5301",
           "-6 rule add from 2001:db8::1 lookup main suppress_prefixlength 0 priority 5300",
           "link set eth0 group 5300",
           "link set eth0 mtu 1400",
           "link set sw0 down",
           "link set sw0 up",
           "link set eth0 down",
           "link set eth0 up",
           "addr add 198.51.100.77/24 dev eth1",
           "route add 192.0.2.128/25 via 203.0.113.254 src 198.51.100.77 table 5302",
           "addr add 198.51.100.77/32 dev eth0",
           "addr del 198.51.100.77/24 dev eth1",
           "addr del 198.51.100.77/32 dev eth0",
           "addr del 198.51.100.1/24 dev eth0",
           "addr add 198.51.100.4/24 dev eth0",
           "route add 192.0.2.0/26 dev eth0",
           "addr flush dev eth0",
           "link add br0 type bridge",
           "link set sw1 master br0",
           "link set sw1 nomaster",
           "link set br0 name br1",
           "link add link eth1 name macvlan1 type macvlan mode bridge",
           "-6 rule del priority 5300",
           "rule del from 198.51.100.1 lookup 5301 priority 5301 iif lo",
           "link del br1",
           "link del eth1",
       }) {
    std::vector<std::string> argv = {"ip"};
    for (const absl::string_view word : absl::StrSplit(command, ' ')) {
      argv.emplace_back(word);
    }
    ASSERT_OK(netns_->Check(argv));
    const absl::Status same = lab::Await(absl::Seconds(5), [&] {
      for (const KernelEvent& event : Events()) {
        EXPECT_FALSE(std::holds_alternative<Resync>(event));
        ApplyEvent(facts, event);
      }
      return SameFacts(facts, Read());
    });
    ASSERT_TRUE(same.ok()) << "after " << command << "\nkept by events:\n"
                           << Text(facts) << "\nread:\n"
                           << Text(Read());
  }
}

TEST_F(Observe, AnEventThatChangesNothingSaysSo) {
  OpenMonitor();
  ASSERT_OK_AND_ASSIGN(Facts facts, monitor_->Snapshot(*socket_));
  IpBatch("link set eth0 mtu 1400\n");
  bool changed = false;
  for (const KernelEvent& event : Events()) {
    changed = ApplyEvent(facts, event) || changed;
  }
  EXPECT_TRUE(changed);
  IpBatch("link set eth0 promisc on\n");  // announced, but of no interest
  const std::vector<KernelEvent> events = Events();
  EXPECT_THAT(events, testing::Not(IsEmpty()));
  for (const KernelEvent& event : events) {
    EXPECT_FALSE(ApplyEvent(facts, event));
  }
}

TEST_F(Observe, WhatWasLostBecomesAResyncAndANewSnapshotIsWhole) {
  OpenMonitor(/*receive_buffer=*/4096);
  Flood(true);
  EXPECT_THAT(Events(), Contains(KernelEvent(Resync{})));
  ASSERT_OK_AND_ASSIGN(Facts facts, monitor_->Snapshot(*socket_));
  EXPECT_TRUE(SameFacts(facts, Read()));
  IpBatch("link set eth0 mtu 1400\n");  // and it goes on listening
  for (const KernelEvent& event : Events()) {
    ApplyEvent(facts, event);
  }
  EXPECT_EQ(facts.FindLink("eth0")->mtu, 1400U);
}

TEST_F(Observe, OthersDatagramsAreNotTakenForTheKernels) {
  OpenMonitor();
  ASSERT_OK(monitor_->Snapshot(*socket_));
  UniqueFd forger(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  ASSERT_TRUE(forger.valid());
  NetlinkMessage lie = GetLinkRequest(Index("eth0"));
  lie.header().nlmsg_type = RTM_DELADDR;
  lie = DeleteAddressRequest({.link = Index("eth0"), .ip = Prefix("198.51.100.1/24")});
  for (const uint32_t port : {monitor_->port_id(), socket_->port_id()}) {
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_pid = port;
    const void* address = &to;
    ASSERT_EQ(sendto(forger.get(), &lie.header(), lie.size(), 0,
                     static_cast<const sockaddr*>(address), sizeof(to)),
              static_cast<ssize_t>(lie.size()));
  }
  EXPECT_THAT(Events(), IsEmpty());
  NetlinkMessage request = SetLinkGroupRequest(Index("eth0"), 5300);
  EXPECT_OK(socket_->Transact(request, "set link group"));
  EXPECT_EQ(Read().FindLink("eth0")->ifgroup, 5300U);
}

TEST_F(Observe, ADumpThatWasDisturbedIsDoneAgain) {
  Flood(true);
  std::atomic<bool> stop = false;
  const int netns = netns_->fd();
  std::thread disturber([&stop, netns] {
    auto scope = lab::NetNsScope::Enter(netns);
    auto socket = NetlinkSocket::Open();
    ASSERT_OK(socket);
    const AddressFact address{.link = IfIndex{1}, .ip = Prefix("203.0.113.1/32")};
    while (!stop) {
      for (NetlinkMessage request : {AddAddressRequest(address), DeleteAddressRequest(address)}) {
        EXPECT_OK(socket->Transact(request, "disturb"));
      }
      std::this_thread::yield();
    }
  });
  int begins = 0;
  int dumps = 0;
  const absl::Time end = absl::Now() + absl::Seconds(20);
  for (; begins == dumps && absl::Now() < end; ++dumps) {
    size_t addresses = 0;
    NetlinkMessage request = DumpAddressesRequest();
    const absl::Status status = socket_->Dump(
        request, "list addresses",
        [&] {
          addresses = 0;
          ++begins;
        },
        [&](const nlmsghdr& message) {
          const auto address = ParseAddress(message);
          addresses +=
              static_cast<size_t>(address.has_value() && address->ip.length == 32 &&
                                  address->ip.address.IsV4() && address->link != IfIndex{1});
        });
    if (status.ok()) {
      EXPECT_EQ(addresses, 1000U);
    } else {
      EXPECT_TRUE(absl::IsAborted(status)) << status;
    }
  }
  stop = true;
  disturber.join();
  EXPECT_GT(begins, dumps) << "no dump was ever disturbed";
}

TEST_F(Observe, ACarrierPollIsRightAtOnce) {
  ASSERT_OK_AND_ASSIGN(CarrierPoller poller, CarrierPoller::Open());
  const IfIndex eth0 = Index("eth0");
  const IfIndex eth1 = Index("eth1");
  const IfIndex none{4000};
  EXPECT_THAT(*poller.Poll(), IsEmpty());
  poller.SetLinks({eth0, eth1, none});
  NetlinkMessage down = SetLinkUpRequest(Index("sw0"), false);
  NetlinkMessage up = SetLinkUpRequest(Index("sw0"), true);
  for (int round = 0; round < 10; ++round) {
    ASSERT_OK(socket_->Transact(down, "pull the cable"));
    EXPECT_THAT(*poller.Poll(), ElementsAre(CarrierSample{eth0, true, true, false},
                                            CarrierSample{eth1, true, true, true},
                                            CarrierSample{none, false, false, false}));
    ASSERT_OK(socket_->Transact(up, "plug it in"));
    EXPECT_THAT(*poller.Poll(), Contains(CarrierSample{eth0, true, true, true}));
  }
  IpBatch("link set eth1 down\n");
  EXPECT_FALSE((*poller.Poll())[1].admin_up);
  IpBatch("link del eth1\n");
  EXPECT_EQ((*poller.Poll())[1], (CarrierSample{eth1, false, false, false}));

  poller.SetLinks({eth0, Index("sw0")});
  constexpr int kPolls = 5000;
  const absl::Time start = absl::Now();
  for (int i = 0; i < kPolls; ++i) {
    ASSERT_OK(poller.Poll());
  }
  GTEST_LOG_(INFO) << "a carrier poll of two NICs takes " << (absl::Now() - start) / kPolls;
}

}  // namespace
}  // namespace stronghost
