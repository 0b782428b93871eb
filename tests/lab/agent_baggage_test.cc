// What goes with an address that gets another home, and what cannot.
#include <sys/socket.h>

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "tests/lab/relocation_fixture.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;

class Baggage : public RelocationLab {
 protected:
  // eth0's neighbours are eth1's after this, and were not before. Nobody but us says so: no packet
  // needs them there.
  void ExpectNeighboursToGoAlong(const std::function<absl::Status()>& go) {
    ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
    for (const int family : {AF_INET, AF_INET6}) {
      ASSERT_OK(
          lab().server().Check({"ping", "-c", "1", "-W", "5", "-I", Address(0, family).ToString(),
                                ClientAddress(family).ToString()}));
    }
    const std::string mac = LabPlan::ClientMac(0).ToString();
    for (const int family : {AF_INET, AF_INET6}) {
      const std::string ip = ClientAddress(family).ToString();
      ASSERT_THAT(KnownTo("eth0"), HasSubstr(absl::StrCat(ip, " lladdr ", mac)));
      ASSERT_THAT(KnownTo("eth1"), ::testing::Not(HasSubstr(ip)));
    }
    ASSERT_OK(go());
    for (const int family : {AF_INET, AF_INET6}) {
      const std::string ip = ClientAddress(family).ToString();
      EXPECT_OK(Await(
          absl::Seconds(10),
          [&] { return absl::StrContains(KnownTo("eth1"), absl::StrCat(ip, " lladdr ", mac)); },
          ip))
          << KnownTo("eth1") << agent().Log();
    }
  }
  std::string KnownTo(const std::string& nic) {
    const auto output = lab().server().Check({"ip", "neigh", "show", "dev", nic});
    EXPECT_OK(output);
    return output.value_or("");
  }
  std::unique_ptr<TcpSession> StartMasqueraded() {
    auto container = lab().AddContainer();
    EXPECT_OK(container);
    auto session =
        TcpSession::Start(**container, lab().far(), {.destination = LabPlan::FarAddress(AF_INET)});
    EXPECT_OK(session);
    EXPECT_OK((*session)->AwaitProgress(10000, absl::Seconds(10)));
    return *std::move(session);
  }
};

TEST_F(Baggage, NeighboursGoWithAMove) {
  ExpectNeighboursToGoAlong([this] {
    Order({"move", Address(0, AF_INET).ToString(), "eth1"});
    return absl::OkStatus();
  });
}

// The kernel has dropped them by then.
TEST_F(Baggage, NeighboursOutliveANicThatIsRemoved) {
  ExpectNeighboursToGoAlong([this] { return lab().RemoveNic(0).status(); });
}

TEST_F(Baggage, NeighboursOutliveANicThatIsSetDown) {
  ExpectNeighboursToGoAlong([this] {
    return lab().server().Check({"ip", "link", "set", "eth0", "down"}).status();
  });
}

TEST_F(Baggage, RoutesGoWithTheLastAddressOfANicAndComeBackWithIt) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().server().IpBatch(absl::StrCat("route add 192.0.2.0/24 via ",
                                                LabPlan::GatewayAddress(0, AF_INET).ToString(),
                                                " dev eth0 metric 7\n")));
  const std::vector<std::string> before = Routes();
  const std::string ip = Address(0, AF_INET).ToString();
  for (int round = 0; round < 3; ++round) {
    Order({"move", ip, "eth1"});
    EXPECT_OK(Await(
        absl::Seconds(10),
        [&] {
          const std::string routes = absl::StrJoin(Routes(), "\n");
          return absl::StrContains(routes, " dev eth1 metric 7") &&
                 !absl::StrContains(routes, " dev eth0");
        },
        "the routes to lead through eth1"))
        << absl::StrJoin(Routes(), "\n");
    Order({"move", ip, "eth0"});
    AwaitRoutes(before);
  }
}

TEST_F(Baggage, AMoveNamesTheMasqueradedSessionsThatItEnds) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const auto session = StartMasqueraded();
  EXPECT_THAT(Order({"move", Address(0, AF_INET6).ToString(), "eth1"}),
              ::testing::Not(HasSubstr("session")));
  EXPECT_THAT(Order({"move", Address(0, AF_INET).ToString(), "eth1"}),
              HasSubstr("that ended 1 masqueraded session\n"));
}

TEST_F(Baggage, ARelocationTellsOfTheMasqueradedSessionsThatItEnds) {
  ASSERT_NO_FATAL_FAILURE(Build(absl::StrCat(GroupKeys("follow"), "relocate_after = \"200ms\"\n")));
  const auto session = StartMasqueraded();
  ASSERT_OK(lab().PullCable(0));
  EXPECT_OK(agent().process().AwaitOutput("(carrier), which ends 1 masqueraded session",
                                          absl::Seconds(10)))
      << agent().Log();
}

}  // namespace
}  // namespace stronghost::lab
