// G4 with real servers from packages, unchanged.
#include <poll.h>

#include <filesystem>
#include <fstream>

#include "tests/lab/reply_fixture.h"
#include "tests/lib/process.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// Where scripts/unpack-packages unpacked what is not installed.
constexpr char kServersRoot[] = SH_SOURCE_DIR "/build/servers/root";

// A DNS question for the address of lab.example.
const auto* const kDnsQuestion = new std::string(
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03lab\x07"
    "example\x00\x00\x01\x00\x01"s);

class RealServers : public ReplyLab {
 protected:
  void SetUp() override { fs::create_directory(folder_); }
  void TearDown() override {
    ReplyLab::TearDown();
    fs::remove_all(folder_);
  }

  static std::string Fetched(const std::string& program) {
    const std::string path = absl::StrCat(kServersRoot, "/usr/", program);
    EXPECT_TRUE(fs::exists(path)) << path << " is not there: run scripts/install-packages";
    return path;
  }
  static std::vector<std::string> Environment() {
    return {absl::StrCat("LD_LIBRARY_PATH=", kServersRoot, "/usr/lib/x86_64-linux-gnu")};
  }
  Process StartServer(std::vector<std::string> argv) {
    auto server = Process::Start(
        lab().server(),
        {.argv = std::move(argv), .environment = Environment(), .cgroup = &*cgroup_});
    EXPECT_OK(server);
    return *std::move(server);
  }
  // A file of the test's own.
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(absl::StrCat(folder_, "/", name)) << text;
    return absl::StrCat(folder_, "/", name);
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

  const std::string folder_ = absl::StrCat("/tmp/", ScratchName("servers"));
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
  ExpectTheAskedAddressToAnswer(AF_INET, 5300, *kDnsQuestion);
  ExpectTheAskedAddressToAnswer(AF_INET6, 5300, *kDnsQuestion);
}

// A socket of its own for each file.
TEST_F(RealServers, TftpAnswersFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  Write("hello", "hello");
  const Process dnsmasq = StartServer({"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                                       "--port=0", "--user=root", "--pid-file=", "--enable-tftp",
                                       absl::StrCat("--tftp-root=", folder_)});
  const std::string question = "\0\1hello\0octet\0"s;
  ExpectTheAskedAddressToAnswer(AF_INET, 69, question);
  ExpectTheAskedAddressToAnswer(AF_INET6, 69, question);
}

TEST_F(RealServers, UnboundAnswersFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const Process unbound = StartServer(
      {Fetched("sbin/unbound"), "-d", "-c",
       Write("unbound.conf",
             "server:\n interface: 0.0.0.0@5301\n interface: ::0@5302\n do-daemonize: no\n"
             " chroot: \"\"\n directory: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n"
             " access-control: 0.0.0.0/0 allow\n access-control: ::/0 allow\n"
             " module-config: \"iterator\"\n local-zone: \"lab.example\" static\n"
             " local-data: \"lab.example A 198.51.100.9\"\nremote-control:\n"
             " control-enable: no\n")});
  EXPECT_EQ(Answer(ClientSocket(AF_INET), Address(1, AF_INET), 5301, *kDnsQuestion),
            Address(0, AF_INET))
      << "without the agent";
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ExpectTheAskedAddressToAnswer(AF_INET, 5301, *kDnsQuestion);
  ExpectTheAskedAddressToAnswer(AF_INET6, 5302, *kDnsQuestion);
}

// It minds its source itself, by IP_PKTINFO: nothing changes.
TEST_F(RealServers, ChronyAnswersFromTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  const Process chrony = StartServer(
      {Fetched("sbin/chronyd"), "-x", "-d", "-u", "root", "-f",
       Write("chrony.conf", absl::StrCat("port 7005\nallow all\nlocal stratum 10\ncmdport 0\n",
                                         "bindcmdaddress /\npidfile ", folder_, "/pid\n"))});
  std::string question(48, '\0');
  question[0] = '\x23';  // version 4, client
  ExpectTheAskedAddressToAnswer(AF_INET, 7005, question);
  ExpectTheAskedAddressToAnswer(AF_INET6, 7005, question);
}

// It connects the socket that it was asked on, and opens another one for the next client.
TEST_F(RealServers, Iperf3IsServedAtTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  const std::string iperf3 = Fetched("bin/iperf3");
  const auto measure = [&](const IpAddress& address, absl::Duration timeout) {
    const Process server = StartServer({iperf3, "-s", "-p", "7003", "--forceflush"});
    EXPECT_OK(server.AwaitOutput("Server listening", absl::Seconds(20)));
    auto client = Process::Start(lab().client(), {.argv = {iperf3, "-u", "-c", address.ToString(),
                                                           "-p", "7003", "-n", "64K", "-b", "10M"},
                                                  .environment = Environment()});
    EXPECT_OK(client);
    const auto status = client->Wait(timeout);
    return status.ok() ? absl::StrCat(*status, ": ", client->Output()) : "no end";
  };
  // It waits for 30 s, which a patient run sees the end of.
  EXPECT_THAT(measure(Address(1, AF_INET), absl::Seconds(3)),
              ::testing::Not(::testing::StartsWith("0: ")))
      << "without the agent";
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int nic : {0, 1}) {
      EXPECT_THAT(measure(Address(nic, family), absl::Seconds(30)), ::testing::StartsWith("0: "));
    }
  }
}

}  // namespace
}  // namespace stronghost::lab
