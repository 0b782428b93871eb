// G4 for a server that connects the very socket that it was asked on: routing is led to the asked
// address by a mark.
#include "absl/strings/match.h"
#include "tests/lab/reply_fixture.h"

namespace stronghost::lab {
namespace {

class ConnectedReply : public ReplyLab, public ::testing::WithParamInterface<int> {
 protected:
  int family() const { return GetParam(); }
  static IpAddress Ip(const std::string& text) { return IpAddress::Parse(text).value(); }
  // The n-th further address of a subnet of the server.
  IpAddress More(int n) const {
    return Ip(family() == AF_INET ? absl::StrCat("198.51.100.", n) : absl::StrCat("2001:db8::", n));
  }
  std::string Subnet() const { return family() == AF_INET ? "/24" : "/64"; }
  std::string AdditionOf(int n, const std::string& nic) const {
    return absl::StrCat("addr add ", More(n).ToString(), Subnet(),
                        family() == AF_INET ? "" : " nodad", " dev ", nic, "\n");
  }
  std::string DeletionOf(int n, const std::string& nic) const {
    return absl::StrCat("addr del ", More(n).ToString(), Subnet(), " dev ", nic, "\n");
  }
  // The kernel accepts packets for an IPv6 address a moment after it has it (addrconf_dad_work).
  void AwaitAccepted(int n) {
    ASSERT_OK(Await(
        absl::Seconds(10),
        [&] {
          return absl::StrContains(Routes(), absl::StrCat("local ", More(n).ToString(), " dev "));
        },
        absl::StrCat("the local route of ", More(n).ToString())));
  }
  // Until then any NIC answers ARP for it, and what comes in on the wrong one is lost afterwards.
  void AwaitManaged(int n) {
    ASSERT_OK(Await(
        absl::Seconds(10),
        [&] {
          const auto status = agent().Status();
          return status.ok() &&
                 absl::StrContains(status->dump(), absl::StrCat("\"", More(n).ToString(), "\""));
        },
        absl::StrCat(More(n).ToString(), " to be managed")));
  }
  void AddMore(int n, const std::string& nic) {
    ASSERT_OK(lab().server().IpBatch(AdditionOf(n, nic)));
    ASSERT_NO_FATAL_FAILURE(AwaitAccepted(n));
  }
  // What a wildcard server takes for its address, which is also where its answer comes from, when
  // `where` asks it at `address`.
  IpAddress AnswerTo(NetNs& where, const IpAddress& address) {
    const UniqueFd server = ServerSocket(family(), kServerPort);
    auto client = where.Socket(family(), SOCK_DGRAM);
    EXPECT_OK(client);
    const timeval timeout{.tv_sec = 2, .tv_usec = 0};
    setsockopt(client->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    const SocketAddress peer = PeerOf(server, *client, address);
    EXPECT_EQ(connect(server.get(), peer.get(), peer.length), 0) << strerror(errno);
    EXPECT_EQ(send(server.get(), "!", 1, 0), 1) << strerror(errno);
    EXPECT_EQ(AnsweredBy(*client), LocalAddress(server)) << "getsockname()";
    return LocalAddress(server);
  }
  IpAddress AnswerTo(const IpAddress& address) { return AnswerTo(lab().client(), address); }
  void AwaitAnswerFrom(const IpAddress& asked, const IpAddress& answer) {
    EXPECT_OK(Await(
        absl::Seconds(10), [&] { return AnswerTo(asked) == answer; },
        absl::StrCat("an answer from ", answer.ToString())));
  }
  std::string Rules() {
    return lab().server().Check({"ip", family() == AF_INET ? "-4" : "-6", "rule"}).value_or("?");
  }
  std::string Routes() {
    return lab()
        .server()
        .Check({"ip", family() == AF_INET ? "-4" : "-6", "route", "show", "table", "all"})
        .value_or("?");
  }
};

std::string FamilyName(const ::testing::TestParamInfo<int>& info) {
  return info.param == AF_INET ? "IPv4" : "IPv6";
}
INSTANTIATE_TEST_SUITE_P(, ConnectedReply, ::testing::Values(AF_INET, AF_INET6), FamilyName);

TEST_P(ConnectedReply, ComesFromAnyOfManyAddresses) {
  ASSERT_NO_FATAL_FAILURE(BuildLab({.server_sysctls = {{"net/ipv4/conf/all/rp_filter", "1"},
                                                       {"net/ipv4/conf/default/rp_filter", "1"}}}));
  std::vector<IpAddress> addresses = {Address(0, family()), Address(1, family())};
  for (const int n : {11, 12, 13}) {
    ASSERT_NO_FATAL_FAILURE(AddMore(n, n == 13 ? "eth1" : "eth0"));
    addresses.push_back(More(n));
  }
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  for (const IpAddress& address : addresses) {
    EXPECT_EQ(AnswerTo(address), address);
    EXPECT_EQ(AnswerTo(lab().far(), address), address) << "through the gateway";
  }
}

TEST_P(ConnectedReply, FollowsAnAddressThatComesMovesAndGoes) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ASSERT_NO_FATAL_FAILURE(AddMore(11, "eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitManaged(11));
  AwaitAnswerFrom(More(11), More(11));
  const auto moved = agent().Command({"move", More(11).ToString(), "eth1"});
  ASSERT_OK(moved);
  EXPECT_EQ(moved->exit_status, 0) << moved->output;
  AwaitAnswerFrom(More(11), More(11));
  const std::string source = absl::StrCat("src ", More(11).ToString(), " ");
  EXPECT_THAT(Routes(), ::testing::HasSubstr(source));
  ASSERT_OK(lab().server().IpBatch(DeletionOf(11, "eth1")));
  EXPECT_OK(Await(
      absl::Seconds(10), [&] { return Routes().find(More(11).ToString()) == std::string::npos; },
      "its table to be empty"));
  // Gone and there again at once, between two looks of the agent.
  ASSERT_NO_FATAL_FAILURE(AddMore(12, "eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitManaged(12));
  AwaitAnswerFrom(More(12), More(12));
  ASSERT_OK(lab().server().IpBatch(DeletionOf(12, "eth0") + AdditionOf(12, "eth0")));
  ASSERT_NO_FATAL_FAILURE(AwaitAccepted(12));
  AwaitAnswerFrom(More(12), More(12));
}

TEST_P(ConnectedReply, GoesThroughAStandIn) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(1, "eth0"));
  EXPECT_EQ(AnswerTo(Address(1, family())), Address(1, family()));
}

// IPv6 looks up once, and the way to a container has no source that could be preferred.
TEST_P(ConnectedReply, ReachesContainers) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const auto container = lab().AddContainer({.ipv6 = true});
  ASSERT_OK(container);
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const IpAddress answer = AnswerTo(**container, Address(1, family()));
  if (family() == AF_INET) {
    EXPECT_EQ(answer, Address(1, family()));
  }
}

uint32_t MarkOf(const UniqueFd& fd) {
  uint32_t mark = 0;
  socklen_t length = sizeof(mark);
  EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, &length), 0) << strerror(errno);
  return mark;
}

TEST_P(ConnectedReply, LeavesAnApplicationsMarkAloneAndTakesItsOwnOff) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const UniqueFd server = ServerSocket(family(), kServerPort);
  const UniqueFd client = ClientSocket(family());
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  const auto connect_to = [&](const SocketAddress& peer) {
    EXPECT_EQ(connect(server.get(), peer.get(), peer.length), 0) << strerror(errno);
    const IpAddress local = LocalAddress(server);
    EXPECT_EQ(connect(server.get(), &nobody, sizeof(nobody)), 0) << strerror(errno);
    return local;
  };
  const SocketAddress peer = PeerOf(server, client, Address(1, family()));
  EXPECT_EQ(connect_to(peer), Address(1, family()));
  EXPECT_EQ(MarkOf(server) & 0xffffff00U, 0x53480000U);
  const SocketAddress stranger = ToSocketAddress(ClientAddress(family()), 9);
  EXPECT_EQ(connect_to(stranger), Address(0, family())) << "who did not ask";
  EXPECT_EQ(MarkOf(server), 0U);
  EXPECT_EQ(connect_to(peer), Address(1, family()));
  EXPECT_EQ(sendto(server.get(), "?", 1, 0, stranger.get(), stranger.length), 1);
  EXPECT_EQ(MarkOf(server), 0U);
  ASSERT_OK(SetOption(server, SOL_SOCKET, SO_MARK, 7, "SO_MARK"));
  EXPECT_EQ(connect_to(peer), Address(0, family()));
  EXPECT_EQ(MarkOf(server), 7U);
}

TEST_P(ConnectedReply, NeedsMarksThatADetachTakesBack) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent("reply_mark = 0\n"));
  EXPECT_THAT(Rules(), ::testing::Not(::testing::HasSubstr("fwmark")));
  EXPECT_EQ(AnswerTo(Address(1, family())), Address(0, family()));
  ASSERT_OK(agent().WriteConfig({.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")),
                                 .agent_keys = "reply_mark = 0x70000000\n",
                                 .cgroup = cgroup_->path()}));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  AwaitAnswerFrom(Address(1, family()), Address(1, family()));
  EXPECT_THAT(Rules(), ::testing::HasSubstr("fwmark 0x70000001"));
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  EXPECT_THAT(Rules(), ::testing::Not(::testing::HasSubstr("fwmark")));
  EXPECT_THAT(Routes(), ::testing::Not(::testing::HasSubstr("proto 83")));
}

}  // namespace
}  // namespace stronghost::lab
