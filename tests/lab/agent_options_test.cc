// Sockets that ask for IP options and extension headers, whole and in fragments: what they send
// leaves by the wire of its source like anything else, and arrives with all of it.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

constexpr uint16_t kPort = 4444;

// What a socket is told to put into each packet, and where it is found in the frame.
struct Extra {
  const char* name;
  int family;
  int level;
  int option;
  Bytes value;
  size_t offset;  // behind the Ethernet header
  Bytes there;
};

std::vector<Extra> Extras() {
  return {
      {"router alert", AF_INET, IPPROTO_IP, IP_OPTIONS, {0x94, 4, 0, 0}, 20, {0x94, 4}},
      {"record route",
       AF_INET,
       IPPROTO_IP,
       IP_OPTIONS,
       {1, 7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
       20,
       {1, 7, 15}},
      {"hop-by-hop options",
       AF_INET6,
       IPPROTO_IPV6,
       IPV6_HOPOPTS,
       {0, 0, 5, 2, 0, 0, 1, 0},
       42,
       {5, 2}},
      {"destination options",
       AF_INET6,
       IPPROTO_IPV6,
       IPV6_DSTOPTS,
       {0, 0, 1, 4, 0, 0, 0, 0},
       40,
       {IPPROTO_UDP, 0, 1, 4}},
  };
}

class Options : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never")));
    for (int nic = 0; nic < 2; ++nic) {
      auto port = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                 {.direction = CaptureOptions::Direction::kIncoming});
      ASSERT_OK(port);
      ports_.push_back(*std::move(port));
    }
    auto receiver = lab().client().Socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK);  // both families
    ASSERT_OK(receiver);
    receiver_ = *std::move(receiver);
    ASSERT_OK(Bind(receiver_, IpAddress(), kPort));
  }

  // A datagram of `size` bytes with the address of `home`, from a socket bound to `device`.
  void ExpectArrives(const Extra& extra, int home, int device, size_t size) {
    auto fd = lab().server().Socket(extra.family, SOCK_DGRAM);
    ASSERT_OK(fd);
    ASSERT_OK(Bind(*fd, Address(home, extra.family), 0));
    ASSERT_OK(BindToDevice(*fd, LabPlan::Nic(device)));
    ASSERT_EQ(setsockopt(fd->get(), extra.level, extra.option, extra.value.data(),
                         static_cast<socklen_t>(extra.value.size())),
              0)
        << strerror(errno);
    const Bytes sent(size, ++number_);
    const SocketAddress to = ToSocketAddress(ClientAddress(extra.family), kPort);
    ASSERT_EQ(sendto(fd->get(), sent.data(), sent.size(), 0, to.get(), to.length),
              static_cast<ssize_t>(size))
        << strerror(errno);
    Bytes received(size + 1);
    ssize_t got = -1;
    ASSERT_OK(Await(
        absl::Seconds(5),
        [&] {
          got = recv(receiver_.get(), received.data(), received.size(), 0);
          return got >= 0;
        },
        "the datagram"));
    received.resize(static_cast<size_t>(got));
    EXPECT_EQ(received, sent);
  }

  // Every frame of the addresses of `home` came by its wire; `count` at least bore `extra`. What is
  // put on the wire itself passes as it is (the rule of steer); all else shows the MAC of the mode.
  void ExpectWayOut(const Extra& extra, int home, int device, int wire, int count) {
    int with_extra = 0;
    for (int port = 0; port < 2; ++port) {
      for (const CapturedFrame& frame : ports_[static_cast<size_t>(port)]->Frames()) {
        const Frame parsed = frame.Parse();
        if (!parsed.ip || parsed.ip->source != Address(home, extra.family) ||
            parsed.ip->destination != ClientAddress(extra.family)) {
          continue;
        }
        EXPECT_EQ(port, wire) << "by the wrong NIC: " << parsed.ToString();
        const bool wires_mac = device == wire || std::string(GetParam()) == "stay";
        EXPECT_EQ(parsed.source, LabPlan::NicMac(wires_mac ? wire : home));
        const size_t at = 14 + extra.offset;
        with_extra += frame.bytes.size() >= at + extra.there.size() &&
                              std::equal(extra.there.begin(), extra.there.end(),
                                         frame.bytes.begin() + static_cast<ptrdiff_t>(at))
                          ? 1
                          : 0;
      }
    }
    EXPECT_GE(with_extra, count);
    for (const auto& port : ports_) {
      port->Clear();
    }
  }

  void ExpectAll(const std::vector<int>& wires) {
    for (const Extra& extra : Extras()) {
      for (int home = 0; home < 2; ++home) {
        for (int device = 0; device < 2; ++device) {
          SCOPED_TRACE(absl::StrCat(extra.name, " of eth", home, " bound to eth", device));
          ASSERT_NO_FATAL_FAILURE(ExpectArrives(extra, home, device, 100));
          ASSERT_NO_FATAL_FAILURE(ExpectArrives(extra, home, device, 3000));
          ExpectWayOut(extra, home, device, wires[static_cast<size_t>(home)], 1);
        }
      }
    }
  }

  std::vector<std::unique_ptr<Capture>> ports_;
  UniqueFd receiver_;
  uint8_t number_ = 0;
};

INSTANTIATE_TEST_SUITE_P(MacModes, Options, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Options, LeaveByTheWireOfTheirSourceAndArrive) {
  ExpectAll({0, 1});
}

TEST_P(Options, LeaveByTheStandInAndArrive) {
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ExpectAll({1, 1});
}

}  // namespace
}  // namespace stronghost::lab
