// Relocation, G3 and G6: hosts beyond the segment are reached wherever the addresses live.
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/lab/relocation_fixture.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;

// No gateways in the configuration: the default routes of the system are used, wherever they go.
class BeyondTheSegment : public RelocationLab {
 protected:
  void StartFarStreams(std::vector<Stream>& streams) {
    for (const int family : {AF_INET, AF_INET6}) {
      auto stream =
          Stream::Start(lab().server(), lab().far(),
                        {.destination = LabPlan::FarAddress(family), .source = Address(0, family)});
      ASSERT_OK(stream);
      streams.push_back(*std::move(stream));
    }
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  }
  void ExpectDefaultThrough(const char* family, const std::string& nic) {
    const auto output = lab().server().Check({"ip", family, "route", "show", "default"});
    ASSERT_OK(output);
    EXPECT_THAT(*output, HasSubstr(absl::StrCat("dev ", nic)));
  }
  void ExpectDefaultsThrough(const std::string& nic) {
    ExpectDefaultThrough("-4", nic);
    ExpectDefaultThrough("-6", nic);
  }
};

TEST_F(BeyondTheSegment, IsReachedWhileRelocatedAndAfter) {
  ASSERT_NO_FATAL_FAILURE(Build("mac = \"follow\"\nfailback = \"200ms\"\n"));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ExpectDefaultsThrough("eth1");
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
  ExpectDefaultsThrough("eth0");
}

TEST_F(BeyondTheSegment, IsReachedAfterAnOutageThatLasts) {
  ASSERT_NO_FATAL_FAILURE(
      Build("mac = \"follow\"\nfailback = \"200ms\"\nrelocate_after = \"500ms\"\n"));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  // The kernel drops the IPv4 routes with the last IPv4 address; the IPv6 ones are steered.
  ExpectDefaultThrough("-4", "eth1");
  ASSERT_OK(lab().PlugCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
  ExpectDefaultsThrough("eth0");
}

TEST_F(BeyondTheSegment, IsReachedAfterTheLastAddressOfANicWasMoved) {
  ASSERT_NO_FATAL_FAILURE(Build("mac = \"follow\"\n"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  for (const std::string nic : {"eth1", "eth0"}) {
    for (const int family : {AF_INET, AF_INET6}) {
      Order({"move", Address(0, family).ToString(), nic});
    }
    ASSERT_NO_FATAL_FAILURE(AwaitHome(nic));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  }
  ExpectNoLoss(streams);
}

// What the agent writes has to be what it then reads, or it would write for ever.
TEST_F(BeyondTheSegment, TheKernelIsLeftInPeaceAfterMoves) {
  ASSERT_NO_FATAL_FAILURE(Build("mac = \"follow\"\n"));
  ASSERT_OK(lab().server().IpBatch("route add 2001:db8:77::/64 via 2001:db8::fe dev eth0\n"));
  for (int round = 0; round < 10; ++round) {
    for (const std::string nic : {"eth1", "eth0"}) {
      for (const int family : {AF_INET, AF_INET6}) {
        Order({"move", Address(0, family).ToString(), nic});
      }
      ASSERT_NO_FATAL_FAILURE(AwaitHome(nic));
    }
  }
  auto monitor = Process::Start(lab().server(), {.argv = {"ip", "-6", "monitor", "route"}});
  ASSERT_OK(monitor);
  int marks = 0;
  const auto news = [&] {  // of the agent's tables, up to a mark that is set now
    EXPECT_OK(Await(
        absl::Seconds(10),
        [&] {
          const std::string mark = absl::StrCat("2001:db8:ff:", ++marks, "::");
          return lab()
                     .server()
                     .IpBatch(absl::StrCat("route add ", mark, "/64 dev lo table 100\n"))
                     .ok() &&
                 monitor->AwaitOutput(mark, absl::Milliseconds(500)).ok();
        },
        "the monitor to listen"));
    const std::string output = monitor->Output();
    size_t lines = 0;
    for (size_t at = output.find("table 58"); at != std::string::npos;
         at = output.find("table 58", at + 1)) {
      ++lines;
    }
    return lines;
  };
  EXPECT_OK(Await(
      absl::Seconds(20),
      [&] {  // for some tenths of a second
        const size_t before = news();
        for (int i = 0; i < 40; ++i) {
          if (news() != before) {
            return false;
          }
        }
        return true;
      },
      "the agent to be done"))
      << agent().Log();
}

}  // namespace
}  // namespace stronghost::lab
