// [group.source]: who was bound to no address gets one by the group's choice, TCP and UDP, IPv4 and
// IPv6; what somebody chose stands, and a session keeps what it began with.
#include <map>

#include "tests/lab/reply_fixture.h"

namespace stronghost::lab {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Key;
using ::testing::Le;
using ::testing::UnorderedElementsAre;

using Sources = std::map<IpAddress, int>;  // -> how often

constexpr int kFlows = 200;

class Source : public ReplyLab {
 protected:
  AgentOptions Options(const std::string& source) {
    return {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow") + source),
            .cgroup = cgroup_->path()};
  }
  void StartWith(const std::string& source) {
    auto agent = Agent::Start(lab().server(), Options(source));
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }
  void ReloadWith(const std::string& source) {
    ASSERT_OK(agent().WriteConfig(Options(source)));
    const int before = agent().TimesLogged("reloaded");
    ASSERT_OK(agent().process().Kill(SIGHUP));
    ASSERT_OK(Await(
        absl::Seconds(10), [&] { return agent().TimesLogged("reloaded") > before; }, "a reload"));
  }

  // A listener of the client; TCP ones have room for kFlows.
  UniqueFd Listener(NetNs& where, int family, int type) {
    auto fd = where.Socket(family, type);
    EXPECT_OK(fd);
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    EXPECT_EQ(setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    EXPECT_OK(SetOption(*fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
    EXPECT_OK(Bind(*fd, AnyAddress(family), kServerPort));
    if (type == SOCK_STREAM) {
      EXPECT_EQ(listen(fd->get(), kFlows), 0) << strerror(errno);
    }
    return *std::move(fd);
  }
  UniqueFd Connected(int family, int type, const IpAddress& to, uint16_t own_port = 0) {
    const auto inside = CgroupScope::Enter(*cgroup_);
    EXPECT_OK(inside);
    auto fd = lab().server().Socket(family, type);
    EXPECT_OK(fd);
    if (own_port != 0) {
      EXPECT_OK(Bind(*fd, AnyAddress(family), own_port));
    }
    const SocketAddress peer = ToSocketAddress(to, kServerPort);
    EXPECT_EQ(connect(fd->get(), peer.get(), peer.length), 0) << strerror(errno);
    return *std::move(fd);
  }

  // Connections of the server to `to`, as the other end sees them.
  Sources TcpSources(NetNs& where, const IpAddress& to, int count = kFlows) {
    const UniqueFd listener = Listener(where, to.family(), SOCK_STREAM);
    Sources sources;
    for (int i = 0; i < count; ++i) {
      const UniqueFd fd = Connected(to.family(), SOCK_STREAM, to);
      SocketAddress from;
      from.length = sizeof(from.storage);
      const UniqueFd accepted(
          accept(listener.get(), reinterpret_cast<sockaddr*>(&from.storage), &from.length));
      if (!accepted.valid()) {
        ADD_FAILURE() << "accept: " << strerror(errno);
        break;
      }
      const IpAddress seen = FromSocketAddress(from.storage).address;
      EXPECT_EQ(LocalAddress(fd), seen) << "getsockname()";
      ++sources[seen];
    }
    return sources;
  }
  enum class Way { kSendto, kConnect, kPortAndConnect };
  Sources UdpSources(const IpAddress& to, Way way, int count = kFlows) {
    const UniqueFd listener = Listener(lab().client(), to.family(), SOCK_DGRAM);
    Sources sources;
    for (int i = 0; i < count; ++i) {
      const UniqueFd fd =
          way == Way::kSendto
              ? ServerSocket(to.family(), 0)
              : Connected(to.family(), SOCK_DGRAM, to,
                          way == Way::kConnect ? 0 : static_cast<uint16_t>(20000 + i));
      if (way == Way::kSendto) {
        Ask(fd, to);
      } else {
        EXPECT_EQ(send(fd.get(), "?", 1, 0), 1) << strerror(errno);
      }
      const IpAddress seen = AnsweredBy(listener);
      if (seen == IpAddress()) {
        ADD_FAILURE() << "nothing came";
        break;
      }
      if (way != Way::kSendto) {
        EXPECT_EQ(LocalAddress(fd), seen) << "getsockname()";
      }
      ++sources[seen];
    }
    return sources;
  }
  Sources TcpToClient(int family, int count = kFlows) {
    return TcpSources(lab().client(), ClientAddress(family), count);
  }
  // Each of the two has at least three tenths: half, give or take six standard deviations.
  void ExpectEven(const Sources& sources, int family) {
    EXPECT_THAT(sources, UnorderedElementsAre(Key(Address(0, family)), Key(Address(1, family))));
    for (const auto& [ip, count] : sources) {
      EXPECT_GE(count, kFlows * 3 / 10) << ip.ToString();
    }
  }
};

class SourceSpread : public Source, public ::testing::WithParamInterface<int> {
 protected:
  int family() const { return GetParam(); }
};
std::string FamilyName(const ::testing::TestParamInfo<int>& info) {
  return info.param == AF_INET ? "IPv4" : "IPv6";
}
INSTANTIATE_TEST_SUITE_P(, SourceSpread, ::testing::Values(AF_INET, AF_INET6), FamilyName);

TEST_P(SourceSpread, IsEvenAndUnlikeRoutings) {
  ASSERT_NO_FATAL_FAILURE(BuildLab({.server_sysctls = {{"net/ipv4/conf/all/rp_filter", "1"},
                                                       {"net/ipv4/conf/default/rp_filter", "1"}}}));
  ASSERT_NO_FATAL_FAILURE(StartWith(""));
  const IpAddress client = ClientAddress(family());
  const Sources routing = {{Address(0, family()), kFlows}};
  EXPECT_EQ(TcpToClient(family()), routing);
  EXPECT_EQ(UdpSources(client, Way::kSendto), routing);
  EXPECT_EQ(UdpSources(client, Way::kConnect), routing);
  ASSERT_NO_FATAL_FAILURE(ReloadWith("[group.source]\nchoose = \"spread\"\n"));
  ExpectEven(TcpToClient(family()), family());
  ExpectEven(UdpSources(client, Way::kSendto), family());
  ExpectEven(UdpSources(client, Way::kConnect), family());
  ExpectEven(UdpSources(client, Way::kPortAndConnect), family());
  ExpectEven(TcpSources(lab().far(), LabPlan::FarAddress(family())), family());
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  EXPECT_EQ(TcpToClient(family()), routing) << "after a detach";
}

TEST_P(SourceSpread, GoesByWeight) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(
      StartWith(absl::StrCat("[group.source]\nchoose = \"spread\"\nweights = { \"",
                             Address(1, family()).ToString(), "\" = 3 }\n")));
  const auto expect_three_quarters = [&](Sources sources) {
    EXPECT_THAT(sources[Address(1, family())], AllOf(Ge(kFlows * 6 / 10), Le(kFlows * 9 / 10)));
    EXPECT_EQ(sources[Address(0, family())] + sources[Address(1, family())], kFlows);
  };
  expect_three_quarters(TcpToClient(family()));
  expect_three_quarters(UdpSources(ClientAddress(family()), Way::kSendto));
}

TEST_P(SourceSpread, PrefersAndAvoids) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const auto keys = [&](const std::string& list, int nic) {
    return absl::StrCat("[group.source]\nchoose = \"spread\"\n", list, " = [\"",
                        Address(nic, family()).ToString(), "\"]\n");
  };
  ASSERT_NO_FATAL_FAILURE(StartWith(keys("prefer", 1)));
  EXPECT_EQ(TcpToClient(family(), 50), (Sources{{Address(1, family()), 50}}));
  ASSERT_NO_FATAL_FAILURE(ReloadWith(keys("avoid", 1)));
  EXPECT_EQ(TcpToClient(family(), 50), (Sources{{Address(0, family()), 50}}));
  EXPECT_EQ(UdpSources(ClientAddress(family()), Way::kSendto, 50),
            (Sources{{Address(0, family()), 50}}));
}

TEST_P(SourceSpread, LeavesAloneWhatSomebodyChose) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(
      StartWith(absl::StrCat("[group.source]\nchoose = \"spread\"\nprefer = [\"",
                             Address(1, family()).ToString(), "\"]\n")));
  const UniqueFd listener = Listener(lab().client(), family(), SOCK_DGRAM);
  const IpAddress client = ClientAddress(family());
  const UniqueFd bound = ServerSocket(family(), 21000, Address(0, family()));
  Ask(bound, client);
  EXPECT_EQ(AnsweredBy(listener), Address(0, family())) << "bind";
  const UniqueFd on_device = ServerSocket(family(), 0);
  ASSERT_OK(BindToDevice(on_device, "eth0"));
  Ask(on_device, client);
  EXPECT_EQ(AnsweredBy(listener), Address(0, family())) << "SO_BINDTODEVICE";
  const UniqueFd marked = ServerSocket(family(), 0);
  ASSERT_OK(SetOption(marked, SOL_SOCKET, SO_MARK, 7, "SO_MARK"));
  Ask(marked, client);
  EXPECT_EQ(AnsweredBy(listener), Address(0, family())) << "SO_MARK";
  const UniqueFd unbound = ServerSocket(family(), 0);
  Ask(unbound, client);
  EXPECT_EQ(AnsweredBy(listener), Address(1, family())) << "nobody did";
  // Who is asked answers, whatever is preferred.
  const UniqueFd server = ServerSocket(family(), kServerPort);
  const UniqueFd asker = ClientSocket(family());
  const SocketAddress peer = PeerOf(server, asker, Address(0, family()));
  EXPECT_EQ(sendto(server.get(), "!", 1, 0, peer.get(), peer.length), 1) << strerror(errno);
  EXPECT_EQ(AnsweredBy(asker), Address(0, family()));
}

// Sixteen sockets go on sending while eight times as many addresses come, and most of those go.
TEST_P(SourceSpread, IsKeptByASession) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartWith("[group.source]\nchoose = \"spread\"\n"));
  const UniqueFd listener = Listener(lab().client(), family(), SOCK_DGRAM);
  std::vector<UniqueFd> sockets;
  const auto sources = [&] {
    std::vector<IpAddress> seen;
    for (const UniqueFd& fd : sockets) {
      Ask(fd, ClientAddress(family()));
      seen.push_back(AnsweredBy(listener));
    }
    return seen;
  };
  for (int i = 0; i < 16; ++i) {
    sockets.push_back(ServerSocket(family(), 0));
  }
  const std::vector<IpAddress> first = sources();
  EXPECT_EQ(sources(), first);
  std::string more;
  for (int i = 20; i < 36; ++i) {
    absl::StrAppend(&more, "addr add ",
                    family() == AF_INET ? absl::StrCat("198.51.100.", i, "/24")
                                        : absl::StrCat("2001:db8::", i, "/64 nodad"),
                    " dev eth", i % 2, "\n");
  }
  ASSERT_OK(lab().server().IpBatch(more));
  ASSERT_OK(Await(
      absl::Seconds(20), [&] { return TcpToClient(family(), 40).size() > 8; },
      "new addresses to be chosen"));
  EXPECT_EQ(sources(), first);
  // What cannot be kept is given up.
  ASSERT_OK(
      lab().server().IpBatch(absl::StrCat("addr del ", Address(1, family()).ToString(),
                                          family() == AF_INET ? "/24" : "/64", " dev eth1\n")));
  ASSERT_OK(Await(
      absl::Seconds(20),
      [&] {
        const auto status = agent().Status();
        return status.ok() && WireOf(*status, Address(1, family()).ToString()).empty();
      },
      "the address to be gone"));
  const std::vector<IpAddress> second = sources();
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] == Address(1, family())) {
      EXPECT_NE(second[i], first[i]);
    } else {
      EXPECT_EQ(second[i], first[i]);
    }
  }
}

TEST_P(SourceSpread, IsNeverAnAddressOfADeadGroup) {
  ASSERT_NO_FATAL_FAILURE(BuildLab({.segments = 2}));
  const std::string gateway = LabPlan::GatewayAddress(1, family()).ToString();
  ASSERT_OK(lab().server().IpBatch(
      absl::StrCat("route add default via ", gateway, " dev eth2 metric 4096\n")));
  const std::string choice = "[group.source]\nchoose = \"spread\"\n";
  auto started =
      Agent::Start(lab().server(),
                   {.groups = absl::StrCat(
                        GroupToml({"eth0", "eth1"}, GroupKeys("follow") + choice),
                        "[[group]]\nname = \"back\"\nnics = [\"eth2\", \"eth3\"]\ngateways = [\"",
                        LabPlan::GatewayAddress(1, AF_INET).ToString(), "\", \"",
                        LabPlan::GatewayAddress(1, AF_INET6).ToString(), "\"]\n", choice),
                    .cgroup = cgroup_->path()});
  ASSERT_OK(started);
  agent_.emplace(*std::move(started));
  const UniqueFd far_listener = Listener(lab().far(), family(), SOCK_DGRAM);
  const UniqueFd session = ServerSocket(family(), 0);
  const auto session_source = [&] {
    Ask(session, LabPlan::FarAddress(family()));
    return AnsweredBy(far_listener);
  };
  const IpAddress before = session_source();
  EXPECT_TRUE(before == Address(0, family()) || before == Address(1, family()));
  const auto to_far = [&] { return TcpSources(lab().far(), LabPlan::FarAddress(family()), 50); };
  EXPECT_THAT(to_far(), UnorderedElementsAre(Key(Address(0, family())), Key(Address(1, family()))));
  ASSERT_OK(lab().PullCable(0));
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  EXPECT_THAT(to_far(), UnorderedElementsAre(Key(Address(0, family())), Key(Address(1, family()))))
      << "a stand-in";
  EXPECT_EQ(session_source(), before);
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(agent().AwaitState("eth1", "down"));
  EXPECT_THAT(to_far(), UnorderedElementsAre(Key(Address(2, family())), Key(Address(3, family()))));
  const IpAddress after = session_source();
  EXPECT_TRUE(after == Address(2, family()) || after == Address(3, family())) << after.ToString();
}

}  // namespace
}  // namespace stronghost::lab
