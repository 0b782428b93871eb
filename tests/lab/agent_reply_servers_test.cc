// G4 with real servers from packages, unchanged.
#include <poll.h>

#include "tests/lab/reply_fixture.h"
#include "tests/lib/process.h"

namespace stronghost::lab {
namespace {

class RealServers : public ReplyLab {
 protected:
  Process StartServer(std::vector<std::string> argv) {
    auto server = Process::Start(lab().server(), {.argv = std::move(argv), .cgroup = &*cgroup_});
    EXPECT_OK(server);
    return *std::move(server);
  }
  // Asks `address` again and again until there is an answer (the server may not be up yet), and
  // returns where it came from.
  static IpAddress Answer(const UniqueFd& client, const IpAddress& address, uint16_t port,
                          const std::string& question) {
    const SocketAddress to = ToSocketAddress(address, port);
    std::optional<SocketAddress> from;
    EXPECT_OK(Await(
        absl::Seconds(20),
        [&] {
          if (sendto(client.get(), question.data(), question.size(), 0, to.get(), to.length) < 0) {
            return false;  // the kernel tells of the port that was closed a moment ago
          }
          pollfd ready{.fd = client.get(), .events = POLLIN, .revents = 0};
          from = poll(&ready, 1, 1000) == 1 ? Receive(client) : std::nullopt;
          return from.has_value();
        },
        "an answer"));
    return from.has_value() ? FromSocketAddress(from->storage).address : IpAddress();
  }
  void ExpectTheAskedAddressToAnswer(int family, uint16_t port, const std::string& question) {
    for (const int nic : {0, 1, 0, 1}) {
      const UniqueFd client = ClientSocket(family);
      EXPECT_EQ(Answer(client, Address(nic, family), port, question), Address(nic, family));
    }
  }
};

// It answers from a process of its own for each datagram.
TEST_F(RealServers, SocatAnswersFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const Process v4 = StartServer({"socat", "UDP4-RECVFROM:7001,fork", "EXEC:cat"});
  const Process v6 = StartServer({"socat", "UDP6-RECVFROM:7002,ipv6only=1,fork", "EXEC:cat"});
  EXPECT_EQ(Answer(ClientSocket(AF_INET), Address(1, AF_INET), 7001, "hello"), Address(0, AF_INET))
      << "without the agent";
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ExpectTheAskedAddressToAnswer(AF_INET, 7001, "hello");
  ExpectTheAskedAddressToAnswer(AF_INET6, 7002, "hello");
}

// It minds its source itself, by IP_PKTINFO: nothing changes.
TEST_F(RealServers, DnsmasqAnswersFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const Process dnsmasq = StartServer({"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                                       "--port=5300", "--no-resolv", "--no-hosts", "--user=root",
                                       "--pid-file=", "--address=/lab.example/198.51.100.9"});
  using namespace std::string_literals;
  const std::string question =
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03lab\x07"
      "example\x00\x00\x01\x00\x01"s;
  ExpectTheAskedAddressToAnswer(AF_INET, 5300, question);
  ExpectTheAskedAddressToAnswer(AF_INET6, 5300, question);
}

}  // namespace
}  // namespace stronghost::lab
