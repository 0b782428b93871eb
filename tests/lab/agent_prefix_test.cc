// Prefixes with a home: containers that are routed and not masqueraded, AnyIP ranges. Everything is
// at home on eth1, while table main leads through eth0.
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/await.h"
#include "tests/lib/ping.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Of the containers, of a second container network, and of an AnyIP range.
constexpr const char* kPrefixes[] = {"192.0.2.128/25", "2001:db8:c::/64", "192.0.2.32/28",
                                     "192.0.2.64/28", "2001:db8:a::/64"};

std::string PrefixKeys(const std::string& home) {
  std::string keys;
  for (const char* prefix : kPrefixes) {
    absl::StrAppend(&keys, "[[group.prefix]]\nprefix = \"", prefix, "\"\nhome = \"", home, "\"\n");
  }
  return keys;
}

IpAddress AnyIp(int family) {
  return IpAddress::Parse(family == AF_INET ? "192.0.2.70" : "2001:db8:a::70").value();
}

bool InPrefix(const IpAddress& ip) {
  for (const char* prefix : kPrefixes) {
    if (IpPrefix::Parse(prefix)->Contains(ip)) {
      return true;
    }
  }
  return false;
}

// The network around: the gateway knows the way, and the server has the routes that the daemon
// does not make.
void MakeRoutes(Lab& lab) {
  std::string via_eth1;
  for (const char* prefix : kPrefixes) {
    const bool v4 = IpPrefix::Parse(prefix)->address.IsV4();
    absl::StrAppend(&via_eth1, "route add ", prefix, " via ",
                    lab.plan().NicAddress(1, v4 ? AF_INET : AF_INET6).ToString(), "\n");
  }
  ASSERT_OK(lab.gateway().IpBatch(via_eth1));
  ASSERT_OK(
      lab.server().IpBatch("route add local 192.0.2.64/28 dev lo\n"
                           "route add local 2001:db8:a::/64 dev lo\n"));
  // IPv6 knows no bind() to such an address without it.
  ASSERT_OK(lab.server().SetSysctl("net/ipv6/ip_nonlocal_bind", "1"));
}

// What came out of the NIC's cable from an address of a prefix.
std::unique_ptr<Capture> WatchPrefixes(Lab& lab, int nic) {
  auto capture = Capture::Start(lab.switch_netns(), LabPlan::Port(nic),
                                {.direction = CaptureOptions::Direction::kIncoming,
                                 .snap_length = 96,
                                 .filter = [](const CapturedFrame& frame) {
                                   const Frame parsed = frame.Parse();
                                   return parsed.ip && InPrefix(parsed.ip->source);
                                 }});
  EXPECT_OK(capture);
  return *std::move(capture);
}

// One datagram from `client` to a socket of `server` that is bound to `address`, and back.
absl::Status UdpEcho(const NetNs& client, const NetNs& server, const IpAddress& address) {
  ASSIGN_OR_RETURN(const UniqueFd echo, server.Socket(address.family(), SOCK_DGRAM));
  ASSIGN_OR_RETURN(const uint16_t port, Bind(echo, address, 0));
  ASSIGN_OR_RETURN(const UniqueFd asker, client.Socket(address.family(), SOCK_DGRAM));
  const timeval patience{.tv_sec = 5};
  for (const UniqueFd* fd : {&echo, &asker}) {
    setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  // Connected: an answer from elsewhere would not be heard.
  const SocketAddress to = ToSocketAddress(address, port);
  if (connect(asker.get(), to.get(), to.length) != 0 || send(asker.get(), "echo", 4, 0) != 4) {
    return absl::ErrnoToStatus(errno, "ask");
  }
  std::array<char, 8> bytes{};
  SocketAddress from;
  from.length = sizeof(from.storage);
  if (recvfrom(echo.get(), bytes.data(), bytes.size(), 0,
               reinterpret_cast<sockaddr*>(&from.storage), &from.length) != 4 ||
      sendto(echo.get(), bytes.data(), 4, 0, from.get(), from.length) != 4) {
    return absl::ErrnoToStatus(errno, "echo");
  }
  if (recv(asker.get(), bytes.data(), bytes.size(), 0) != 4) {
    return absl::ErrnoToStatus(errno, "hear the answer");
  }
  return absl::OkStatus();
}

class Prefixes : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  void BuildWithPrefixes(const std::string& mac, const LabOptions& options = {},
                         const std::string& more_keys = "") {
    ASSERT_NO_FATAL_FAILURE(
        Build(absl::StrCat(GroupKeys(mac), more_keys, PrefixKeys("eth1")), options));
    ASSERT_NO_FATAL_FAILURE(MakeRoutes(lab()));
  }
  // What arrives on a NIC that its answer would not leave by is dropped: routing has to agree.
  static LabOptions StrictReversePath() {
    return {.server_sysctls = {{"net/ipv4/conf/all/rp_filter", "1"},
                               {"net/ipv4/conf/default/rp_filter", "1"}}};
  }
  NetNs& Container() {
    auto container = lab().AddContainer({.ipv6 = true, .masquerade = false});
    EXPECT_OK(container);
    return **container;
  }
  // "home wire" of a prefix by `stronghost status`; "" where it is not in it.
  std::string Place(const std::string& prefix) {
    const auto status = agent().Status();
    EXPECT_OK(status);
    for (const auto& entry : status->at("groups").at(0).at("prefixes")) {
      if (entry.at("prefix") == prefix) {
        return absl::StrCat(entry.at("home").get<std::string>(), " ",
                            entry.at("wire").get<std::string>());
      }
    }
    return "";
  }
  void AwaitPlaces(const std::string& place) {
    for (const char* prefix : kPrefixes) {
      ASSERT_OK(Await(
          absl::Seconds(10), [&] { return Place(prefix) == place; },
          absl::StrCat(prefix, " to be at '", place, "'")))
          << agent().Log();
    }
  }
  std::string Rules() {
    std::string rules;
    for (const char* family : {"-4", "-6"}) {
      const auto output = lab().server().Check({"ip", family, "rule"});
      EXPECT_OK(output);
      rules += *output;
    }
    return rules;
  }
  std::string Explain(const IpAddress& source, const IpAddress& destination) {
    const auto result =
        agent().Command({"explain", "--json", source.ToString(), destination.ToString()});
    EXPECT_OK(result);
    return result->output;
  }
  // TCP between the far host and a container, and the range, either family.
  void StartPrefixSessions(NetNs& container, std::vector<std::unique_ptr<TcpSession>>& sessions) {
    for (const int family : {AF_INET, AF_INET6}) {
      for (const bool out : {true, false}) {
        auto session = TcpSession::Start(
            out ? container : lab().far(), out ? lab().far() : container,
            {.destination = out ? LabPlan::FarAddress(family) : Lab::ContainerAddress(0, family)});
        ASSERT_OK(session);
        sessions.push_back(*std::move(session));
      }
      auto session = TcpSession::Start(lab().far(), lab().server(), {.destination = AnyIp(family)});
      ASSERT_OK(session);
      sessions.push_back(*std::move(session));
    }
    ASSERT_NO_FATAL_FAILURE(AwaitAll(sessions));
  }
  void AwaitAll(std::vector<std::unique_ptr<TcpSession>>& sessions) {
    for (const auto& session : sessions) {
      ASSERT_OK(session->AwaitProgress(10'000, absl::Seconds(30))) << agent().Log();
    }
  }
  static void ExpectAlive(std::vector<std::unique_ptr<TcpSession>>& sessions) {
    for (const auto& session : sessions) {
      const TcpResult result = session->Finish();
      EXPECT_TRUE(result.alive) << result.ToString();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, Prefixes, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Prefixes, ContainersAndRangesLeaveByTheirHomesWireWithItsMacAndAreAnswered) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes(GetParam(), StrictReversePath()));
  NetNs& container = Container();
  const auto wrong = WatchPrefixes(lab(), 0);
  const auto right = WatchPrefixes(lab(), 1);
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_OK(Ping(container, LabPlan::FarAddress(family)));
    EXPECT_OK(Ping(container, ClientAddress(family)));  // on-link for the server
    EXPECT_OK(Ping(lab().far(), Lab::ContainerAddress(0, family)));
    EXPECT_OK(Ping(lab().far(), AnyIp(family)));
    EXPECT_OK(Ping(lab().server(), LabPlan::FarAddress(family), {.source = AnyIp(family)}));
    EXPECT_OK(UdpEcho(lab().far(), lab().server(), AnyIp(family)));
    auto stream = Stream::Start(container, lab().far(),
                                {.destination = LabPlan::FarAddress(family), .max_packets = 200});
    ASSERT_OK(stream);
    EXPECT_OK(stream->receiver().AwaitCount(200, absl::Seconds(10)));
  }
  wrong->Stop();
  EXPECT_TRUE(wrong->Frames().empty()) << wrong->Frames().front().Parse().ToString();
  right->Stop();
  EXPECT_EQ(right->Missed(), 0);
  // Of each family the stream, five pings or answers to one, and the echo.
  EXPECT_GE(right->Frames().size(), 2 * 206U);
  for (const CapturedFrame& frame : right->Frames()) {
    ASSERT_EQ(frame.Parse().source, LabPlan::NicMac(1)) << frame.Parse().ToString();
  }
}

// On plain Linux the same containers leave by the route's NIC, and every NIC answers for the range.
TEST(PlainLinux, SendsAPrefixByTheRoutesNicAndAnswersForItOnEveryNic) {
  auto lab = Lab::Create();
  ASSERT_OK(lab);
  ASSERT_NO_FATAL_FAILURE(MakeRoutes(**lab));
  auto container = (*lab)->AddContainer({.masquerade = false});
  ASSERT_OK(container);
  const auto wrong = WatchPrefixes(**lab, 0);
  EXPECT_OK(Ping(**container, LabPlan::FarAddress(AF_INET)));
  EXPECT_EQ(wrong->Count([](const Frame&) { return true; }), 1);
  auto probe = ArpProbe::Open(**lab);
  ASSERT_OK(probe);
  const auto answers = probe->Ask(AnyIp(AF_INET));
  ASSERT_OK(answers);
  EXPECT_EQ(answers->size(), 2U);
}

// IPv6 answers no solicitation for a range.
TEST_P(Prefixes, OneNicAnswersForARange) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes(GetParam()));
  const auto expect_speaker = [&](int port, int mac) {
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    const auto counts = probe->AskMany(AnyIp(AF_INET), 50);
    ASSERT_OK(counts);
    SCOPED_TRACE(counts->ToString());
    EXPECT_EQ(counts->unanswered, 0);
    EXPECT_EQ(counts->answered_more_than_once, 0);
    ASSERT_EQ(counts->answers.size(), 1U);
    EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(port));
    EXPECT_EQ(counts->answers.begin()->first.mac, LabPlan::NicMac(mac));
  };
  ASSERT_NO_FATAL_FAILURE(expect_speaker(1, 1));
  ASSERT_OK(lab().client().IpBatch("route add 192.0.2.64/28 dev eth0\n"));
  EXPECT_OK(Ping(lab().client(), AnyIp(AF_INET)));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(1, "eth0"));
  ASSERT_NO_FATAL_FAILURE(expect_speaker(0, std::string(GetParam()) == "follow" ? 1 : 0));
  ASSERT_OK(lab().client().Check({"ip", "neigh", "flush", "all"}));
  EXPECT_OK(Ping(lab().client(), AnyIp(AF_INET)));
}

TEST_P(Prefixes, SessionsOutliveAPulledCableAndTheWayBack) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes(GetParam(), StrictReversePath()));
  NetNs& container = Container();
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartPrefixSessions(container, sessions));
  EXPECT_EQ(Place("192.0.2.128/25"), "eth1 eth1");
  ASSERT_OK(lab().PullCable(1));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth1 eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitAll(sessions));
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_OK(UdpEcho(lab().far(), lab().server(), AnyIp(family)));
  }
  ASSERT_OK(lab().PlugCable(1));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth1 eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitAll(sessions));
  ExpectAlive(sessions);
}

// Nothing is masqueraded: no session depends on an address of the NIC.
TEST_P(Prefixes, SessionsOutliveTheirHomeAndItsReturn) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes(GetParam(), StrictReversePath()));
  NetNs& container = Container();
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartPrefixSessions(container, sessions));
  ASSERT_OK(lab().RemoveNic(1));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth0 eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitAll(sessions));
  ASSERT_OK(lab().InsertNic(1));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth1 eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitAll(sessions));
  ExpectAlive(sessions);
}

// Table main comes first for all that leads through no member and is no default route.
TEST_F(Prefixes, ContainersOfDifferentNetworksReachEachOtherInside) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes("follow"));
  NetNs& container = Container();
  auto other = NetNs::Create("other");
  ASSERT_OK(other);
  ASSERT_OK(lab().server().IpBatch(
      absl::StrCat("link add name cw0 type veth peer name eth0 netns ", other->name(),
                   "\nlink set cw0 up\naddr add 192.0.2.33/28 dev cw0\n")));
  ASSERT_OK(
      other->IpBatch("link set eth0 up\naddr add 192.0.2.34/28 dev eth0\n"
                     "route add default via 192.0.2.33\n"));
  const IpAddress inside = IpAddress::Parse("192.0.2.34").value();
  const auto eth0 = WatchPrefixes(lab(), 0);
  const auto eth1 = WatchPrefixes(lab(), 1);
  EXPECT_OK(Ping(container, inside));
  EXPECT_OK(Ping(*other, Lab::ContainerAddress(0, AF_INET)));
  EXPECT_OK(Ping(container, AnyIp(AF_INET)));
  EXPECT_OK(Ping(container, Address(0, AF_INET)));
  EXPECT_EQ(eth0->Count([](const Frame&) { return true; }), 0);
  EXPECT_EQ(eth1->Count([](const Frame&) { return true; }), 0);
  EXPECT_THAT(Explain(Lab::ContainerAddress(0, AF_INET), inside),
              testing::AllOf(HasSubstr("\"pass\""), HasSubstr("cw0 is in no group")));
}

TEST_F(Prefixes, ExplainTellsWhy) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes("follow"));
  Container();
  for (const int family : {AF_INET, AF_INET6}) {
    for (const IpAddress& source : {Lab::ContainerAddress(0, family), AnyIp(family)}) {
      const std::string why = Explain(source, LabPlan::FarAddress(family));
      const auto json = nlohmann::json::parse(why, nullptr, false);
      ASSERT_FALSE(json.is_discarded()) << why;
      EXPECT_EQ(json.at("home"), "eth1") << why;
      EXPECT_EQ(json.at("wire"), "eth1") << why;
      EXPECT_EQ(json.at("action"), "pass") << why;
      EXPECT_EQ(json.at("next_hop"), LabPlan::GatewayAddress(0, family).ToString()) << why;
      EXPECT_THAT(why, HasSubstr(", a prefix of eth1"));
    }
  }
  const auto view = agent().Command({"status"});
  ASSERT_OK(view);
  EXPECT_THAT(view->output, ::testing::ContainsRegex("PREFIX +HOME +WIRE"));
  EXPECT_THAT(view->output, ::testing::ContainsRegex("192.0.2.64/28 +eth1 +eth1"));
}

// Routing is left alone: steering alone brings the packets to their wire.
TEST_F(Prefixes, SteeringAloneWorksAsWell) {
  ASSERT_NO_FATAL_FAILURE(BuildWithPrefixes("follow", {}, "policy_rules = false\n"));
  NetNs& container = Container();
  EXPECT_THAT(Rules(), Not(HasSubstr("proto 83")));
  const auto wrong = WatchPrefixes(lab(), 0);
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_OK(Ping(container, LabPlan::FarAddress(family)));
    EXPECT_OK(Ping(lab().server(), LabPlan::FarAddress(family), {.source = AnyIp(family)}));
  }
  EXPECT_EQ(wrong->Count([](const Frame&) { return true; }), 0);
}

TEST_F(Prefixes, AReloadMakesTheDifferenceAndDetachLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  EXPECT_THAT(Rules(), Not(HasSubstr("192.0.2.64/28")));
  const auto reload = [&](const std::string& prefixes) {
    ASSERT_OK(agent().WriteConfig(
        {.groups = GroupToml({"eth0", "eth1"}, absl::StrCat(GroupKeys("follow"), prefixes))}));
    ASSERT_OK(agent().process().Kill(SIGHUP));
  };
  ASSERT_NO_FATAL_FAILURE(reload(PrefixKeys("eth1")));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth1 eth1"));
  EXPECT_THAT(Rules(), HasSubstr("5302:\tfrom 192.0.2.64/28 lookup"));
  EXPECT_THAT(Rules(), HasSubstr("5302:\tfrom 2001:db8:a::/64 lookup"));
  ASSERT_NO_FATAL_FAILURE(reload(PrefixKeys("eth0")));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth0 eth0"));
  ASSERT_NO_FATAL_FAILURE(reload(""));
  ASSERT_OK(Await(
      absl::Seconds(10), [&] { return Place("192.0.2.64/28").empty(); }, "no prefix"));
  EXPECT_THAT(Rules(), Not(HasSubstr("192.0.2.64/28")));
  ASSERT_NO_FATAL_FAILURE(reload(PrefixKeys("eth1")));
  ASSERT_NO_FATAL_FAILURE(AwaitPlaces("eth1 eth1"));
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  EXPECT_THAT(Rules(), Not(HasSubstr("proto 83")));
}

}  // namespace
}  // namespace stronghost::lab
