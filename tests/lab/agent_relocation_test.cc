// Addresses that live on another NIC: because theirs is gone or set down, or an operator moved
// them.
#include <sys/socket.h>

#include <functional>

#include "tests/lab/relocation_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Relocation : public RelocationLab, public ::testing::WithParamInterface<const char*> {
 protected:
  void ExpectOneSpeaker(int home, int nic) {
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    for (const int family : {AF_INET, AF_INET6}) {
      const auto counts = probe->AskMany(Address(home, family), 20);
      ASSERT_OK(counts);
      SCOPED_TRACE(counts->ToString());
      EXPECT_EQ(counts->unanswered, 0);
      EXPECT_EQ(counts->answered_more_than_once, 0);
      ASSERT_EQ(counts->answers.size(), 1U);
      EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(nic));
      EXPECT_EQ(counts->answers.begin()->first.mac, LabPlan::NicMac(nic));
    }
  }
  // eth0 goes and comes back under four streams.
  void ExpectToLiveOnTheSiblingMeanwhile(const std::function<absl::Status()>& go,
                                         const std::function<absl::Status()>& come_back) {
    ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
    std::vector<Stream> streams;
    ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
    ASSERT_OK(go());
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
    ExpectShortGap(streams);
    ExpectOneSpeaker(0, 1);

    streams.clear();
    ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
    ASSERT_OK(come_back());
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
    ExpectNoLoss(streams);
    ExpectOneSpeaker(0, 0);
  }
  // Packets that may be lost while a NIC goes: those that were on it, and what comes until the
  // kernel has its addresses elsewhere. Of 1,000 a second.
  static void ExpectShortGap(std::vector<Stream>& streams) {
    for (Stream& stream : streams) {
      const StreamResult result = stream.Finish();
      EXPECT_LE(result.lost, 200U) << result.ToString();
      EXPECT_GT(result.received, 0U) << result.ToString();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, Relocation, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Relocation, AddressesOfARemovedNicLiveOnItsSiblingAndReturnWithIt) {
  ExpectToLiveOnTheSiblingMeanwhile([&] { return lab().RemoveNic(0).status(); },
                                    [&] { return lab().InsertNic(0); });
  EXPECT_THAT(agent().Log(), HasSubstr("2 addresses of eth0 live on eth1 now"));
}

TEST_P(Relocation, AddressesOfANicThatIsSetDownLiveOnItsSiblingAndReturn) {
  ExpectToLiveOnTheSiblingMeanwhile([&] { return lab().SetAdmin(0, false).status(); },
                                    [&] { return lab().SetAdmin(0, true).status(); });
}

TEST_P(Relocation, TcpSessionsOutliveTheirNic) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  ASSERT_OK(lab().RemoveNic(0));
  for (const auto& session : sessions) {
    ASSERT_OK(session->AwaitProgress(100000, absl::Seconds(30))) << agent().Log();
    const TcpResult result = session->Finish();
    EXPECT_TRUE(result.alive) << result.ToString();
  }
}

// The neighbours that ignore announcements still know the MAC that went with the NIC.
TEST_F(Relocation, TheMacOfARemovedNicIsServed) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const std::string old = LabPlan::NicMac(0).ToString();
  for (const int family : {AF_INET, AF_INET6}) {
    ASSERT_OK(lab().client().Check({"ip", "neigh", "replace", Address(0, family).ToString(),
                                    "lladdr", old, "dev", "eth0", "nud", "permanent"}));
  }
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
}

TEST_F(Relocation, RoutesOfARemovedNicLeadThroughItsSiblingAndReturnWithIt) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().server().Check({"ip", "route", "add", "203.0.113.128/25", "via", "198.51.100.254",
                                  "dev", "eth0", "proto", "static", "metric", "50"}));
  const auto routes = [&](int family, const std::string& nic) {
    const auto output = lab().server().Check(
        {"ip", family == AF_INET ? "-4" : "-6", "route", "show", "table", "main", "dev", nic});
    EXPECT_OK(output);
    return *output;
  };
  const auto await = [&](const std::string& nic) {
    return Await(
        absl::Seconds(10),
        [&] {
          return routes(AF_INET, nic).find("default via 198.51.100.254") != std::string::npos &&
                 routes(AF_INET, nic).find("203.0.113.128/25") != std::string::npos &&
                 routes(AF_INET6, nic).find("default via 2001:db8::fe") != std::string::npos;
        },
        absl::StrCat("the routes through ", nic));
  };
  ASSERT_OK(await("eth0"));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_OK(await("eth1")) << agent().Log();
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_OK(await("eth0")) << agent().Log();
  EXPECT_THAT(routes(AF_INET, "eth0"), HasSubstr("proto static"));
  EXPECT_EQ(routes(AF_INET, "eth1").find("default"), std::string::npos);
  EXPECT_EQ(routes(AF_INET6, "eth1").find("default"), std::string::npos);
}

TEST_F(Relocation, ANicThatVanishesWhileNoAgentRunsIsServedByTheNextOne) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  // What it has to know by then is written down a moment after it was seen.
  ASSERT_OK(Await(
      absl::Seconds(10),
      [&] {
        const auto text = lab().server().Exec({"cat", agent().state_dir() + "/state.json"});
        return text.ok() && text->output.find("198.51.100.1/24") != std::string::npos;
      },
      "the inventory in the state file"));
  ASSERT_OK(agent().Kill());
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_OK(agent().StartDaemon());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(agent().Kill());
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_OK(agent().StartDaemon());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
}

TEST_F(Relocation, ExplicitAddressesOfANicThatIsMissingAtTheStartLiveOnItsSibling) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow"), "adopt = false\n",
                         "[[group.address]]\nip = \"198.51.100.50/24\"\nhome = \"eth0\"\n",
                         "[[group.address]]\nip = \"2001:db8::50/64\"\nhome = \"eth0\"\n")));
  const IpAddress v4 = *IpAddress::Parse("198.51.100.50");
  const IpAddress v6 = *IpAddress::Parse("2001:db8::50");
  const auto await = [&](const std::string& nic) {
    return Await(
        absl::Seconds(10),
        [&] {
          const std::vector<std::string> only{nic};
          return NicsWith(v4) == only && NicsWith(v6) == only;
        },
        absl::StrCat("the addresses on ", nic));
  };
  ASSERT_OK(await("eth0"));
  ASSERT_OK(agent().Command({"detach"}));
  EXPECT_THAT(NicsWith(v4), ElementsAre());
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_OK(agent().StartDaemon());
  ASSERT_OK(await("eth1")) << agent().Log();
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_OK(await("eth0")) << agent().Log();
  ASSERT_OK(agent().Command({"detach"}));
  EXPECT_THAT(NicsWith(v4), ElementsAre());
  EXPECT_THAT(NicsWith(v6), ElementsAre());
}

TEST_F(Relocation, LifetimesGoWithThem) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  for (const std::string ip : {"198.51.100.60/24", "2001:db8::60/64"}) {
    ASSERT_OK(lab().server().Check(
        {"ip", "addr", "add", ip, "dev", "eth0", "valid_lft", "1000", "preferred_lft", "500"}));
  }
  ASSERT_OK(agent().AwaitWire("2001:db8::60", "eth0"));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  const auto json = lab().server().Check({"ip", "-json", "addr", "show", "dev", "eth1"});
  ASSERT_OK(json);
  const auto shown = nlohmann::json::parse(*json);
  int found = 0;
  for (const auto& address : shown.at(0).at("addr_info")) {
    if (address.at("local") == "198.51.100.60" || address.at("local") == "2001:db8::60") {
      ++found;
      EXPECT_LE(address.at("valid_life_time").get<uint64_t>(), 1000U);
      EXPECT_GT(address.at("valid_life_time").get<uint64_t>(), 500U);
      EXPECT_LE(address.at("preferred_life_time").get<uint64_t>(), 500U);
    }
  }
  EXPECT_EQ(found, 2) << *json;
}

TEST_F(Relocation, FailbackNeverKeepsThem) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "never")));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_OK(agent().AwaitState("eth0", "up"));
  EXPECT_EQ(HomeOf(Address(0, AF_INET)), "eth1");
  EXPECT_THAT(Order({"status"}), ::testing::Not(HasSubstr("problems")));
  // They go with the NIC that has them.
  ASSERT_OK(lab().RemoveNic(1));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0", 0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0", 1));
}

TEST_F(Relocation, AnOutageThatLastsEndsOnTheStandIn) {
  ASSERT_NO_FATAL_FAILURE(Build(absl::StrCat(GroupKeys("follow"), "relocate_after = \"300ms\"\n")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ASSERT_OK(lab().PlugCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
}

TEST_F(Relocation, WithoutASurvivorNothingMovesAndAllIsPutBack) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(agent().AwaitState("eth1", "down"));
  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_OK(agent().AwaitState("eth0", "down"));
  EXPECT_THAT(Order({"status"}), HasSubstr("has no usable NIC to move them to"));
  ASSERT_OK(lab().SetAdmin(0, true));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));  // the kernel had dropped the IPv6 one
}

TEST_F(Relocation, DetachPutsRelocatedAddressesBackOnTheirNic) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "never")));
  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(lab().SetAdmin(0, true));
  ASSERT_OK(agent().AwaitState("eth0", "up"));
  Order({"detach"});
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_THAT(NicsWith(Address(0, family)), ElementsAre("eth0"));
    EXPECT_THAT(NicsWith(Address(1, family)), ElementsAre("eth1"));
  }
}

TEST_P(Relocation, AMoveLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  for (const std::string nic : {"eth1", "eth0", "eth1"}) {
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
    for (const int family : {AF_INET, AF_INET6}) {
      const std::string ip = Address(0, family).ToString();
      EXPECT_THAT(Order({"move", ip, nic}), HasSubstr(absl::StrCat(ip, " lives on ", nic, " now")));
    }
    ASSERT_NO_FATAL_FAILURE(AwaitHome(nic));
    ExpectOneSpeaker(0, nic == "eth0" ? 0 : 1);
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
}

// As `ip address` shows it: broadcast address, alias, metric, the other end.
TEST_F(Relocation, AnAddressThatHasMovedAwayAndBackIsAsItWas) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const std::vector<std::string> own = {
      "198.51.100.21/24 brd 198.51.100.255 label eth0:1", "198.51.100.22/24 label eth0:2",
      "203.0.113.5/24 brd 203.0.113.250 metric 77", "192.0.2.5 peer 192.0.2.6/32",
      "2001:db8:9::5/64 metric 77 nodad"};
  std::vector<IpAddress> ips;
  for (const std::string& address : own) {
    ASSERT_OK(lab().server().IpBatch(absl::StrCat("addr add ", address, " dev eth0\n")));
    const std::string number = address.substr(0, address.find_first_of("/ "));
    ips.push_back(*IpAddress::Parse(number));
    ASSERT_OK(Await(
        absl::Seconds(10), [&] { return HomeOf(ips.back()) == "eth0"; }, "the agent to adopt it"));
  }
  const auto addresses = [&](const std::string& nic) {
    const auto output = lab().server().Check({"ip", "-o", "address", "show", "dev", nic});
    EXPECT_OK(output);
    std::vector<std::string> lines = absl::StrSplit(*output, '\n', absl::SkipEmpty());
    // The kernel makes it anew when the NIC is set up.
    std::erase_if(lines, [](const auto& line) { return absl::StrContains(line, " fe80:"); });
    std::sort(lines.begin(), lines.end());
    return lines;
  };
  const auto before = addresses("eth0");
  const auto elsewhere = addresses("eth1");
  const auto routes = Routes();
  for (const std::string nic : {"eth1", "eth0"}) {
    for (const IpAddress& ip : ips) {
      Order({"move", ip.ToString(), nic});
      ASSERT_OK(Await(
          absl::Seconds(10), [&] { return NicsWith(ip) == std::vector<std::string>{nic}; },
          absl::StrCat(ip.ToString(), " to live on ", nic)))
          << agent().Log();
    }
    if (nic == "eth1") {
      EXPECT_THAT(absl::StrJoin(addresses("eth1"), "\n"), HasSubstr("192.0.2.5 peer 192.0.2.6/32"));
    }
  }
  EXPECT_EQ(addresses("eth0"), before);
  EXPECT_EQ(addresses("eth1"), elsewhere);
  AwaitRoutes(routes);

  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(lab().SetAdmin(0, true));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  EXPECT_OK(Await(
      absl::Seconds(10), [&] { return addresses("eth0") == before; }, "all of eth0"))
      << absl::StrJoin(addresses("eth0"), "\n") << "\nwanted:\n"
      << absl::StrJoin(before, "\n");
}

// Before the agent has read the kernel's news of the move itself.
TEST_F(Relocation, WhoDeletesAnAddressRightAfterItsMoveIsHeeded) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string ip = family == AF_INET ? "198.51.100.11" : "2001:db8::11";
    const std::string prefix = absl::StrCat(ip, family == AF_INET ? "/24" : "/64");
    for (int round = 0; round < 20; ++round) {
      SCOPED_TRACE(absl::StrCat(ip, ", round ", round));
      ASSERT_OK(lab().server().IpBatch(
          absl::StrCat("addr add ", prefix, " dev eth0", family == AF_INET ? "" : " nodad", "\n")));
      ASSERT_OK(Await(
          absl::Seconds(10), [&] { return HomeOf(*IpAddress::Parse(ip)) == "eth0"; },
          "the agent to adopt it"));
      Order({"move", ip, "eth1"});
      ASSERT_OK(lab().server().IpBatch(absl::StrCat("addr del ", prefix, " dev eth1\n")));
      ASSERT_OK(Await(
          absl::Seconds(10), [&] { return HomeOf(*IpAddress::Parse(ip)).empty(); },
          "the agent to forget it"));
      ASSERT_THAT(NicsWith(*IpAddress::Parse(ip)), ::testing::IsEmpty());
    }
  }
}

TEST_F(Relocation, AMoveOutlivesTheAgent) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  for (const int family : {AF_INET, AF_INET6}) {
    Order({"move", Address(0, family).ToString(), "eth1"});
  }
  ASSERT_OK(agent().Kill());
  ASSERT_OK(agent().StartDaemon());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  EXPECT_THAT(agent().Log(), ::testing::Not(HasSubstr("live on eth0")));
}

TEST_F(Relocation, AMoveThatTheKernelRefusesChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().server().SetSysctl("net/ipv6/conf/eth1/disable_ipv6", "1"));
  EXPECT_THAT(Order({"move", Address(0, AF_INET6).ToString(), "eth1"}, 1),
              HasSubstr("stays on eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(0, 0);
}

TEST_F(Relocation, ANicThatGoesDownAndUpInOneGoKeepsItsAddressesAndRoutes) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "0s")));
  for (int round = 0; round < 5; ++round) {
    ASSERT_OK(lab().server().IpBatch("link set eth0 down\nlink set eth0 up\n"));
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
    for (const char* family : {"-4", "-6"}) {
      EXPECT_OK(Await(
          absl::Seconds(10),
          [&] {
            const auto routes = lab().server().Check({"ip", family, "route", "show", "default"});
            return routes.ok() && routes->find("dev eth0") != std::string::npos;
          },
          "the default route"))
          << family << " " << round;
    }
  }
}

TEST_F(Relocation, WhoKeepsAddingAnAddressToItsDeadNicIsNotFought) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  const auto told = [&] { return Order({"status"}).find("again and again") != std::string::npos; };
  int added = 0;
  while (!told() && added < 100) {
    ++added;
    ASSERT_OK(lab().server().Check({"ip", "addr", "add", "198.51.100.1/24", "dev", "eth0"}));
    ASSERT_OK(Await(
        absl::Seconds(5), [&] { return told() || NicsWith(Address(0, AF_INET)).size() == 1; },
        "the copy to go, or to be told of"));
  }
  EXPECT_TRUE(told());  // several additions within a moment count once
  EXPECT_EQ(HomeOf(Address(0, AF_INET)), "eth1");
  ExpectOneSpeaker(0, 1);
}

// Its MAC is alive there, and not ours to serve.
TEST_F(Relocation, ANicThatMovesToAnotherNamespaceKeepsItsMac) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  auto elsewhere = NetNs::Create("elsewhere");
  ASSERT_OK(elsewhere);
  ASSERT_OK(lab().server().Check({"ip", "link", "set", "eth0", "netns", elsewhere->name()}));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(elsewhere->IpBatch("link set eth0 up\naddr add 198.51.100.77/24 dev eth0\n"));
  const auto filters = lab().server().Check({"bridge", "fdb", "show", "dev", "eth1"});
  ASSERT_OK(filters);
  EXPECT_THAT(*filters, ::testing::Not(HasSubstr(LabPlan::NicMac(0).ToString())));
  const auto reached = elsewhere->Exec({"ping", "-c", "1", "-W", "5", "198.51.100.1"});
  ASSERT_OK(reached);
  EXPECT_EQ(reached->exit_status, 0) << reached->output;
}

TEST_F(Relocation, DetachLeavesWhatANicThatIsGoneLeftWhereItLives) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  Order({"detach"});
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_THAT(NicsWith(Address(0, family)), ElementsAre("eth1"));
    const auto routes =
        lab().server().Check({"ip", family == AF_INET ? "-4" : "-6", "route", "show", "default"});
    ASSERT_OK(routes);
    EXPECT_THAT(*routes, HasSubstr("dev eth1"));
    EXPECT_THAT(*routes, ::testing::Not(HasSubstr("proto 83")));
  }
}

TEST_F(Relocation, AMoveThatMakesNoSenseIsRefused) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  EXPECT_THAT(Order({"move", "198.51.100.77", "eth1"}, 1), HasSubstr("is not managed"));
  EXPECT_THAT(Order({"move", "fe80::1", "eth1"}, 1), HasSubstr("lives and dies with its NIC"));
  EXPECT_THAT(Order({"move", "198.51.100.1", "eth7"}, 1), HasSubstr("name one of eth0, eth1"));
  EXPECT_THAT(Order({"move", "198.51.100.1", "eth0"}), HasSubstr("as before"));
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(agent().AwaitState("eth1", "down"));
  EXPECT_THAT(Order({"move", "198.51.100.1", "eth1"}, 1), HasSubstr("eth1 is down"));
  EXPECT_EQ(HomeOf(Address(0, AF_INET)), "eth0");
}

}  // namespace
}  // namespace stronghost::lab
