// A lab whose agent mends the UDP answers of one cgroup, and servers of every make in it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/netns.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {

constexpr uint16_t kServerPort = 7000;

class ReplyLab : public AgentLab {
 protected:
  // eth0 and eth1 with one address of each family, in one subnet; no agent yet.
  void BuildLab(const LabOptions& options = {}) {
    auto lab = Lab::Create(options);
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    auto cgroup = Cgroup::Create("reply");
    ASSERT_OK(cgroup);
    cgroup_.emplace(*std::move(cgroup));
  }
  void StartAgent(const std::string& agent_keys = "", bool in_cgroup = true) {
    auto agent =
        Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")),
                                      .agent_keys = agent_keys,
                                      .cgroup = in_cgroup ? cgroup_->path() : ""});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }

  // A UDP socket of a server: in the cgroup, on the wildcard address, or bound to `address`.
  // Port 0: left to the kernel, unbound.
  UniqueFd ServerSocket(int domain, uint16_t port, const IpAddress& address = IpAddress()) {
    const auto inside = CgroupScope::Enter(*cgroup_);
    EXPECT_OK(inside);
    auto fd = lab().server().Socket(domain, SOCK_DGRAM);
    EXPECT_OK(fd);
    SetTimeout(*fd);
    if (port != 0) {
      const IpAddress wildcard = domain == AF_INET ? IpAddress::V4(0) : IpAddress();
      const SocketAddress local =
          ToSocketAddress(address == IpAddress() ? wildcard : address, port);
      EXPECT_EQ(bind(fd->get(), local.get(), local.length), 0) << strerror(errno);
    }
    return *std::move(fd);
  }
  UniqueFd ClientSocket(int family) {
    auto fd = lab().client().Socket(family, SOCK_DGRAM);
    EXPECT_OK(fd);
    SetTimeout(*fd);
    return *std::move(fd);
  }
  static void Ask(const UniqueFd& client, const IpAddress& server, uint16_t port = kServerPort) {
    const SocketAddress to = ToSocketAddress(server, port);
    ASSERT_EQ(sendto(client.get(), "?", 1, 0, to.get(), to.length), 1) << strerror(errno);
  }
  // Where the next datagram comes from.
  static std::optional<SocketAddress> Receive(const UniqueFd& fd) {
    SocketAddress from;
    from.length = sizeof(from.storage);
    char byte = 0;
    if (recvfrom(fd.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from.storage), &from.length) !=
        1) {
      return std::nullopt;
    }
    return from;
  }
  // Asks the wildcard `server` at `address` and returns who it takes for the peer.
  static SocketAddress PeerOf(const UniqueFd& server, const UniqueFd& client,
                              const IpAddress& address) {
    Ask(client, address);
    const auto peer = Receive(server);
    EXPECT_TRUE(peer.has_value());
    return peer.value_or(SocketAddress());
  }
  // getsockname().
  static IpAddress LocalAddress(const UniqueFd& fd) {
    SocketAddress local;
    local.length = sizeof(local.storage);
    EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local.storage), &local.length), 0);
    return FromSocketAddress(local.storage).address;
  }
  // The address that the next answer comes from; unspecified: none came.
  static IpAddress AnsweredBy(const UniqueFd& client) {
    const auto from = Receive(client);
    return from.has_value() ? FromSocketAddress(from->storage).address : IpAddress();
  }

  std::optional<Cgroup> cgroup_;

 private:
  static void SetTimeout(const UniqueFd& fd) {
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    EXPECT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
  }
};

}  // namespace stronghost::lab
