// G4, the asked address answers: unmodified UDP servers on wildcard sockets, by every call that
// they send with. What an application chose is left alone.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/reply_fixture.h"

namespace stronghost::lab {
namespace {

enum class Socket { kV4, kV6, kDual };
enum class Way {
  kSendto,
  kSendmsg,
  kSendmmsg,
  kOtherSocketSendto,
  kOtherSocketConnect,
  kConnect,
};

struct Server {
  Socket socket;
  Way way;
};

class Reply : public ReplyLab, public ::testing::WithParamInterface<Server> {
 protected:
  static int FamilyOf(Socket socket) { return socket == Socket::kV6 ? AF_INET6 : AF_INET; }
  static int DomainOf(Socket socket) { return socket == Socket::kV4 ? AF_INET : AF_INET6; }

  // Answers the next question on `server` in the way of the parameter.
  void Answer(const UniqueFd& server) {
    auto peer = Receive(server);
    ASSERT_TRUE(peer.has_value());
    char byte = '!';
    iovec data{.iov_base = &byte, .iov_len = 1};
    mmsghdr message{};
    message.msg_hdr.msg_name = &peer->storage;
    message.msg_hdr.msg_namelen = peer->length;
    message.msg_hdr.msg_iov = &data;
    message.msg_hdr.msg_iovlen = 1;
    switch (GetParam().way) {
      case Way::kSendto:
        EXPECT_EQ(sendto(server.get(), &byte, 1, 0, peer->get(), peer->length), 1);
        break;
      case Way::kSendmsg:
        EXPECT_EQ(sendmsg(server.get(), &message.msg_hdr, 0), 1);
        break;
      case Way::kSendmmsg:
        EXPECT_EQ(sendmmsg(server.get(), &message, 1, 0), 1);
        break;
      case Way::kOtherSocketSendto: {
        const UniqueFd other = ServerSocket(DomainOf(GetParam().socket), 0);
        EXPECT_EQ(sendto(other.get(), &byte, 1, 0, peer->get(), peer->length), 1);
        break;
      }
      case Way::kOtherSocketConnect: {
        const UniqueFd other = ServerSocket(DomainOf(GetParam().socket), 0);
        EXPECT_EQ(connect(other.get(), peer->get(), peer->length), 0) << strerror(errno);
        EXPECT_EQ(send(other.get(), &byte, 1, 0), 1);
        break;
      }
      case Way::kConnect: {
        EXPECT_EQ(connect(server.get(), peer->get(), peer->length), 0) << strerror(errno);
        EXPECT_EQ(send(server.get(), &byte, 1, 0), 1);
        named_ = LocalAddress(server);
        const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
        EXPECT_EQ(connect(server.get(), &nobody, sizeof(nobody)), 0) << strerror(errno);
        break;
      }
    }
  }
  // Asks each address of the server and returns who answered.
  std::vector<IpAddress> AskAll(const std::vector<IpAddress>& addresses) {
    const UniqueFd server = ServerSocket(DomainOf(GetParam().socket), kServerPort);
    const UniqueFd client = ClientSocket(FamilyOf(GetParam().socket));
    std::vector<IpAddress> answered;
    for (const IpAddress& address : addresses) {
      Ask(client, address);
      Answer(server);
      answered.push_back(AnsweredBy(client));
      if (GetParam().way == Way::kConnect) {
        EXPECT_EQ(named_, answered.back()) << "getsockname()";
      }
    }
    return answered;
  }
  std::vector<IpAddress> Addresses() {
    const int family = FamilyOf(GetParam().socket);
    return {Address(0, family), Address(1, family), Address(0, family), Address(1, family)};
  }

  IpAddress named_;  // what the connected server takes for its own address
};

std::string ServerName(const ::testing::TestParamInfo<Server>& server) {
  constexpr std::array<const char*, 3> kSockets = {"IPv4", "IPv6", "DualStack"};
  constexpr std::array<const char*, 6> kWays = {
      "Sendto", "Sendmsg", "Sendmmsg", "OtherSocketSendto", "OtherSocketConnect", "Connect"};
  return absl::StrCat(kSockets[static_cast<size_t>(server.param.socket)],
                      kWays[static_cast<size_t>(server.param.way)]);
}
INSTANTIATE_TEST_SUITE_P(
    , Reply,
    ::testing::Values(
        Server{Socket::kV4, Way::kSendto}, Server{Socket::kV4, Way::kSendmsg},
        Server{Socket::kV4, Way::kSendmmsg}, Server{Socket::kV4, Way::kOtherSocketSendto},
        Server{Socket::kV4, Way::kOtherSocketConnect}, Server{Socket::kV6, Way::kSendto},
        Server{Socket::kV6, Way::kSendmsg}, Server{Socket::kV6, Way::kSendmmsg},
        Server{Socket::kV6, Way::kOtherSocketSendto}, Server{Socket::kV6, Way::kOtherSocketConnect},
        Server{Socket::kDual, Way::kSendto}, Server{Socket::kDual, Way::kSendmsg},
        Server{Socket::kDual, Way::kOtherSocketSendto},
        Server{Socket::kDual, Way::kOtherSocketConnect}, Server{Socket::kV4, Way::kConnect},
        Server{Socket::kV6, Way::kConnect}, Server{Socket::kDual, Way::kConnect}),
    ServerName);

TEST_P(Reply, ComesFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  EXPECT_NE(AskAll(Addresses()), Addresses()) << "without the agent";
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  EXPECT_EQ(AskAll(Addresses()), Addresses());
}

class ReplySource : public ReplyLab {
 protected:
  // Asks eth1's address of a wildcard server and returns who answered; unspecified: nobody could.
  IpAddress AskSecond(int family, uint16_t port = kServerPort) {
    const UniqueFd server = ServerSocket(family, port);
    const UniqueFd client = ClientSocket(family);
    Ask(client, Address(1, family), port);
    auto peer = Receive(server);
    EXPECT_TRUE(peer.has_value());
    const bool sent = sendto(server.get(), "!", 1, 0, peer->get(), peer->length) == 1;
    return sent ? AnsweredBy(client) : IpAddress();
  }
};

// Sends to `peer` under the address that it names with IP_PKTINFO or IPV6_PKTINFO.
void SendFrom(const UniqueFd& server, const IpAddress& source, SocketAddress peer) {
  char byte = '!';
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  msghdr message{};
  message.msg_name = &peer.storage;
  message.msg_namelen = peer.length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* choice = CMSG_FIRSTHDR(&message);
  const SocketAddress mine = ToSocketAddress(source, 0);
  if (source.IsV4()) {
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(mine.get())->sin_addr;
    choice->cmsg_len = CMSG_LEN(sizeof(info));
    choice->cmsg_level = IPPROTO_IP;
    choice->cmsg_type = IP_PKTINFO;
    memcpy(CMSG_DATA(choice), &info, sizeof(info));
    message.msg_controllen = CMSG_SPACE(sizeof(info));
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = reinterpret_cast<const sockaddr_in6*>(mine.get())->sin6_addr;
    choice->cmsg_len = CMSG_LEN(sizeof(info));
    choice->cmsg_level = IPPROTO_IPV6;
    choice->cmsg_type = IPV6_PKTINFO;
    memcpy(CMSG_DATA(choice), &info, sizeof(info));
  }
  EXPECT_EQ(sendmsg(server.get(), &message, 0), 1) << strerror(errno);
}

TEST_F(ReplySource, WhatAnApplicationChoseIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd server = ServerSocket(family, kServerPort);
    const UniqueFd client = ClientSocket(family);
    const SocketAddress peer = PeerOf(server, client, Address(1, family));
    SendFrom(server, Address(0, family), peer);
    EXPECT_EQ(AnsweredBy(client), Address(0, family)) << "IP_PKTINFO";
    const UniqueFd bound = ServerSocket(family, kServerPort + 1, Address(0, family));
    EXPECT_EQ(sendto(bound.get(), "!", 1, 0, peer.get(), peer.length), 1) << strerror(errno);
    EXPECT_EQ(AnsweredBy(client), Address(0, family)) << "bind";
  }
}

// Another socket is the server's own for a moment only; later it is a client's.
TEST_F(ReplySource, OfAnotherSocketIsRoutingsAgainAfterAMoment) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd server = ServerSocket(family, kServerPort);
    const UniqueFd client = ClientSocket(family);
    const SocketAddress peer = PeerOf(server, client, Address(1, family));
    const auto source = [&] {
      const UniqueFd other = ServerSocket(family, 0);
      EXPECT_EQ(connect(other.get(), peer.get(), peer.length), 0) << strerror(errno);
      return LocalAddress(other);
    };
    EXPECT_OK(Await(
        absl::Seconds(10), [&] { return source() == Address(0, family); }, "routing's choice"));
    EXPECT_EQ(sendto(server.get(), "!", 1, 0, peer.get(), peer.length), 1);
    EXPECT_EQ(AnsweredBy(client), Address(1, family)) << "the socket that was asked";
  }
}

TEST_F(ReplySource, MayLieInAPrefix) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_OK(lab().server().IpBatch("route add local 203.0.113.64/28 dev lo\n"));
  ASSERT_OK(lab().client().IpBatch("route add 203.0.113.64/28 via 198.51.100.1\n"));
  auto started = Agent::Start(
      lab().server(),
      {.groups = GroupToml({"eth0", "eth1"},
                           GroupKeys("follow") +
                               "[[group.prefix]]\nprefix = \"203.0.113.64/28\"\nhome = \"eth0\"\n"),
       .cgroup = cgroup_->path()});
  ASSERT_OK(started);
  agent_.emplace(*std::move(started));
  const UniqueFd server = ServerSocket(AF_INET, kServerPort);
  const UniqueFd client = ClientSocket(AF_INET);
  const IpAddress asked = IpAddress::Parse("203.0.113.70").value();
  const SocketAddress peer = PeerOf(server, client, asked);
  EXPECT_EQ(sendto(server.get(), "!", 1, 0, peer.get(), peer.length), 1) << strerror(errno);
  EXPECT_EQ(AnsweredBy(client), asked);
}

// The kernel would refuse it.
TEST_F(ReplySource, IsNoAddressThatIsGone) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const UniqueFd server = ServerSocket(AF_INET, kServerPort);
  const UniqueFd client = ClientSocket(AF_INET);
  const SocketAddress peer = PeerOf(server, client, Address(1, AF_INET));
  ASSERT_OK(lab().server().IpBatch("addr del 198.51.100.2/24 dev eth1\n"));
  EXPECT_OK(Await(
      absl::Seconds(10),
      [&] {
        return sendto(server.get(), "!", 1, 0, peer.get(), peer.length) == 1 &&
               AnsweredBy(client) == Address(0, AF_INET);
      },
      "an answer from the other address"));
}

// As at boot, when the service of the group comes later.
TEST_F(ReplySource, BeginsWhenItsCgroupComes) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const std::string child = cgroup_->path() + "/child";
  auto started =
      Agent::Start(lab().server(),
                   {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")), .cgroup = child});
  ASSERT_OK(started);
  agent_.emplace(*std::move(started));
  EXPECT_THAT(agent().Command({"status"})->output, ::testing::HasSubstr(child));
  ASSERT_EQ(mkdir(child.c_str(), 0755), 0) << strerror(errno);
  EXPECT_OK(Await(
      absl::Seconds(20),
      [&] { return access((agent().pin_dir() + "/links/reply-sendmsg4").c_str(), F_OK) == 0; },
      "the programs on the group"));
  EXPECT_EQ(rmdir(child.c_str()), 0) << strerror(errno);
}

TEST_F(ReplySource, IsEstablishedToConntrack) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_OK(lab().server().Check(
      {"nft", "-f", "-"},
      "table inet t {\n chain out {\n  type filter hook output priority 0; policy accept;\n"
      "  udp sport 7000 ct state new drop\n }\n}\n"));
  EXPECT_EQ(AskSecond(AF_INET), IpAddress()) << "without the agent";
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_EQ(AskSecond(family), Address(1, family));
  }
}

TEST_F(ReplySource, PortsAndGroupsThatAreLeftOutAreAsEver) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent("reply_source_except = [7000]\n"));
  EXPECT_EQ(AskSecond(AF_INET), Address(0, AF_INET));
  EXPECT_EQ(AskSecond(AF_INET, 7001), Address(1, AF_INET));
  ASSERT_OK(agent().WriteConfig(
      {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")), .cgroup = cgroup_->path()}));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  ASSERT_OK(agent().process().AwaitOutput("reloaded", absl::Seconds(10)));
  EXPECT_EQ(AskSecond(AF_INET), Address(1, AF_INET)) << "after a reload";
  ASSERT_OK(agent().WriteConfig({.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow"))}));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  EXPECT_OK(Await(
      absl::Seconds(10), [&] { return AskSecond(AF_INET) == Address(0, AF_INET); },
      "the answers to be as ever"));
}

// Another network namespace with a server in the same group, asked by a peer of the same address
// and port, while its own routing answers otherwise.
TEST_F(ReplySource, OtherNetworkNamespacesAreNotTouched) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const UniqueFd server = ServerSocket(AF_INET, kServerPort);
  const UniqueFd client = ClientSocket(AF_INET);
  const SocketAddress peer = PeerOf(server, client, Address(1, AF_INET));
  auto other = NetNs::Create("other");
  ASSERT_OK(other);
  ASSERT_OK(other->IpBatch("addr add 198.51.100.200/24 dev lo\n"));
  const auto inside = CgroupScope::Enter(*cgroup_);
  ASSERT_OK(inside);
  auto fd = other->Socket(AF_INET, SOCK_DGRAM);
  ASSERT_OK(fd);
  const SocketAddress port = ToSocketAddress(IpAddress::V4(0), kServerPort);
  ASSERT_EQ(bind(fd->get(), port.get(), port.length), 0);
  // Under eth1's address it would be refused: there is no such address here.
  EXPECT_EQ(sendto(fd->get(), "!", 1, 0, peer.get(), peer.length), 1) << strerror(errno);
}

TEST_F(ReplySource, OutlivesTheAgentAndEndsWithADetach) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ASSERT_OK(agent().Kill());
  EXPECT_EQ(AskSecond(AF_INET), Address(1, AF_INET));
  ASSERT_OK(agent().StartDaemon());
  EXPECT_EQ(AskSecond(AF_INET), Address(1, AF_INET));
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  EXPECT_EQ(AskSecond(AF_INET), Address(0, AF_INET));
}

}  // namespace
}  // namespace stronghost::lab
