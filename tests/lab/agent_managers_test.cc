// The agent among others that give addresses to its NICs: systemd-networkd and dhclient, with a
// lease from dnsmasq.
#include <sys/socket.h>

#include <algorithm>
#include <tuple>

#include "tests/lab/managers.h"
#include "tests/lab/relocation_fixture.h"
#include "tests/lib/arp_probe.h"

namespace stronghost::lab {
namespace {

using ::testing::Combine;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Values;

// What docs/architecture.md recommends.
constexpr char kKeepsAddresses[] = "IgnoreCarrierLoss=yes\nConfigureWithoutCarrier=yes";

class WithManager : public RelocationLab {
 protected:
  // A lab in which eth0 has to get its addresses from a manager, and no agent yet.
  void BuildLab() {
    auto lab = Lab::Create();
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    auto server = DhcpServer::Start(*lab_);
    ASSERT_OK(server);
    dhcp_.emplace(*std::move(server));
    ASSERT_OK(this->lab().server().IpBatch("addr del 198.51.100.1/24 dev eth0\n"));
  }
  void StartNetworkd(const std::string& network) {
    ASSERT_OK(lab().server().IpBatch("addr del 2001:db8::1/64 dev eth0\n"));
    auto networkd = AddressManager::Networkd(lab(), network);
    ASSERT_OK(networkd);
    manager_.emplace(*std::move(networkd));
    ASSERT_OK(manager_->Start());
  }
  void StartDhclient() {
    auto dhclient = AddressManager::Dhclient(lab());
    ASSERT_OK(dhclient);
    manager_.emplace(*std::move(dhclient));
    ASSERT_OK(manager_->Start());
  }
  void StartManager(const std::string& name) {
    if (name == "networkd") {
      StartNetworkd(kKeepsAddresses);
    } else {
      StartDhclient();
    }
  }
  void StartAgent(const std::string& mac = "follow", const std::string& failback = "200ms") {
    auto agent = Agent::Start(lab().server(),
                              {.groups = GroupToml({"eth0", "eth1"}, GroupKeys(mac, failback))});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }

  // All of that, in the order of a machine's start.
  void BuildManaged(const std::string& name, const std::string& mac = "follow",
                    const std::string& failback = "200ms") {
    ASSERT_NO_FATAL_FAILURE(BuildLab());
    ASSERT_NO_FATAL_FAILURE(StartManager(name));
    ASSERT_NO_FATAL_FAILURE(StartAgent(mac, failback));
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  }
  // With failback = "never".
  void RelocateForGood() {
    ASSERT_OK(lab().SetAdmin(0, false));
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
    ASSERT_OK(lab().SetAdmin(0, true));
    ASSERT_OK(agent().AwaitState("eth0", "up"));
  }

  void ExpectOneSpeaker(const MacAddress& mac, int port) {
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    for (const int family : {AF_INET, AF_INET6}) {
      const auto counts = probe->AskMany(Address(0, family), 20);
      ASSERT_OK(counts);
      SCOPED_TRACE(absl::StrCat(Address(0, family).ToString(), ": ", counts->ToString()));
      EXPECT_EQ(counts->unanswered, 0);
      EXPECT_EQ(counts->answered_more_than_once, 0);
      ASSERT_EQ(counts->answers.size(), 1U);
      EXPECT_EQ(counts->answers.begin()->first.mac, mac);
      EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(port));
    }
  }
  void ExpectNoProblems() {
    const auto status = agent().Status();
    ASSERT_OK(status);
    EXPECT_THAT(status->at("problems"), IsEmpty()) << agent().Log();
  }
  void ExpectAlive(const std::vector<std::unique_ptr<TcpSession>>& sessions) {
    for (const auto& session : sessions) {
      ASSERT_OK(session->AwaitProgress(10'000, absl::Seconds(30))) << agent().Log();
      const TcpResult result = session->Finish();
      EXPECT_TRUE(result.alive) << result.ToString();
    }
  }
  // Of the lease: how long it still holds, as the kernel sees it.
  int64_t ValidSeconds(const std::string& nic) {
    const auto json = lab().server().Check({"ip", "-json", "-4", "addr", "show", "dev", nic});
    EXPECT_OK(json);
    for (const auto& link : nlohmann::json::parse(*json)) {
      for (const auto& address : link.value("addr_info", nlohmann::json::array())) {
        if (address.value("local", "") == Address(0, AF_INET).ToString()) {
          return address.at("valid_life_time");
        }
      }
    }
    return -1;
  }
  // Waits until a renewal makes it longer than it is, or was `before`.
  void AwaitRenewal(std::optional<int64_t> before = std::nullopt) {
    int64_t least = before.value_or(ValidSeconds("eth0"));
    ASSERT_OK(Await(
        absl::Seconds(30),
        [&] {
          const int64_t seconds = ValidSeconds("eth0");
          const bool longer = seconds > least;
          least = std::min(least, seconds);
          return longer;
        },
        "the lease to be prolonged"))
        << dhcp().Log() << agent().Log();
  }

  DhcpServer& dhcp() { return *dhcp_; }
  AddressManager& manager() { return *manager_; }

  std::optional<DhcpServer> dhcp_;
  std::optional<AddressManager> manager_;
};

// Each manager, as recommended.
class Manager : public WithManager, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(, Manager, Values("networkd", "dhclient"),
                         [](const auto& manager) { return std::string(manager.param); });

TEST_P(Manager, GetsALeaseFromUnderARunningAgentWhichAdoptsIt) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  EXPECT_EQ(HomeOf(Address(0, AF_INET)), "");
  ASSERT_NO_FATAL_FAILURE(StartManager(GetParam()));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectNoProblems();
}

TEST_P(Manager, ProlongsALeaseAndNothingElseChanges) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged(GetParam()));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_NO_FATAL_FAILURE(AwaitRenewal());
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ExpectNoLoss(streams);
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectNoProblems();
  EXPECT_THAT(agent().Log(), Not(HasSubstr("live on")));
}

TEST_P(Manager, KeepsAnAddressOnASetDownNicThatLivesOnTheSiblingAndReturns) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged(GetParam()));
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_OK(manager().process().AwaitOutput(
      std::string(GetParam()) == "networkd" ? "Lost carrier" : "Network is down",
      absl::Seconds(10)));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ExpectOneSpeaker(LabPlan::NicMac(1), 1);
  for (const auto& session : sessions) {
    ASSERT_OK(session->AwaitProgress(10'000, absl::Seconds(30))) << agent().Log();
  }
  EXPECT_THAT(Order({"status"}), Not(HasSubstr("again and again")));
  const int64_t away = ValidSeconds("eth1");
  ASSERT_OK(lab().SetAdmin(0, true));  // renewed at once: AwaitHome() may come too late to see it
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitRenewal(away));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectAlive(sessions);
  ExpectNoProblems();
}

// With what becomes of the MAC.
class CablePull : public WithManager,
                  public ::testing::WithParamInterface<std::tuple<const char*, const char*>> {
 protected:
  [[nodiscard]] static std::string manager_name() { return std::get<0>(GetParam()); }
  [[nodiscard]] static std::string mac() { return std::get<1>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(, CablePull,
                         Combine(Values("networkd", "dhclient"), Values("follow", "stay")),
                         [](const auto& param) {
                           return absl::StrCat(std::get<0>(param.param), "_",
                                               std::get<1>(param.param));
                         });

TEST_P(CablePull, CostsNoAddressAndTheLeaseIsProlongedThroughTheStandIn) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged(manager_name(), mac()));
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitRenewal());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(mac() == "stay" ? 1 : 0), 1);
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectAlive(sessions);
  ExpectNoProblems();
}

// What systemd-networkd does by itself. It takes the addresses of a NIC without carrier away, and
// that is its word.
class NetworkdByDefault : public WithManager {
 protected:
  void BuildDefault() {
    ASSERT_NO_FATAL_FAILURE(BuildLab());
    ASSERT_NO_FATAL_FAILURE(StartNetworkd(""));
    ASSERT_NO_FATAL_FAILURE(StartAgent());
    ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  }
  void AwaitNowhere() {
    for (const int family : {AF_INET, AF_INET6}) {
      ASSERT_OK(Await(
          absl::Seconds(10),
          [&] {
            return HomeOf(Address(0, family)).empty() && NicsWith(Address(0, family)).empty();
          },
          absl::StrCat(Address(0, family).ToString(), " to be nowhere")))
          << agent().Log();
    }
  }
};

TEST_F(NetworkdByDefault, TakesItsAddressesOffAPulledCableAndTheAgentForgetsThemAloud) {
  ASSERT_NO_FATAL_FAILURE(BuildDefault());
  ASSERT_OK(lab().PullCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitNowhere());
  const auto status = agent().Status();
  ASSERT_OK(status);
  for (const std::string& told : {status->at("problems").dump(), agent().Log()}) {
    EXPECT_THAT(told, AllOf(HasSubstr("taken off eth0, which has no carrier, and nobody serves"),
                            HasSubstr("IgnoreCarrierLoss=yes")));
  }
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectNoProblems();
}

TEST_F(NetworkdByDefault, TakesItsAddressesOffASetDownNicAndTheyLiveOnTheSibling) {
  ASSERT_NO_FATAL_FAILURE(BuildDefault());
  ASSERT_OK(lab().SetAdmin(0, false));
  ASSERT_OK(manager().process().AwaitOutput("Lost carrier", absl::Seconds(10)));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ExpectOneSpeaker(LabPlan::NicMac(1), 1);
  const int64_t away = ValidSeconds("eth1");
  ASSERT_OK(lab().SetAdmin(0, true));  // renewed at once: AwaitHome() may come too late to see it
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitRenewal(away));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectNoProblems();
}

TEST_F(NetworkdByDefault, BeginsAnewAndTheAgentsRulesAndRoutesStand) {
  ASSERT_NO_FATAL_FAILURE(BuildDefault());
  const auto ours = [&] {
    std::string all;
    for (const char* family : {"-4", "-6"}) {
      for (const std::vector<std::string>& what :
           {std::vector<std::string>{"rule", "show", "proto", "83"},
            std::vector<std::string>{"route", "show", "table", "all", "proto", "83"}}) {
        std::vector<std::string> command{"ip", family};
        command.insert(command.end(), what.begin(), what.end());
        absl::StrAppend(&all, lab().server().Check(command).value_or("?"));
      }
    }
    return all;
  };
  const std::string before = ours();
  ASSERT_THAT(before, HasSubstr("198.51.100.1"));
  ASSERT_OK(manager().Start());
  EXPECT_OK(Await(
      absl::Seconds(10), [&] { return ours() == before; }, "the agent's rules and routes"))
      << before << "\n"
      << ours() << agent().Log();
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectNoProblems();
}

TEST_F(WithManager, NetworkdGivesANicThatReturnsItsAddresses) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  // The lab gives the NIC its link-local address.
  ASSERT_NO_FATAL_FAILURE(StartNetworkd(absl::StrCat(kKeepsAddresses, "\nLinkLocalAddressing=no")));
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ExpectOneSpeaker(LabPlan::NicMac(1), 1);
  ASSERT_OK(lab().InsertNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ASSERT_NO_FATAL_FAILURE(AwaitRenewal());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 0);
  ExpectNoProblems();
}

// It does when it begins anew.
TEST_F(WithManager, NetworkdAddsARelocatedAddressToItsNicAgainAndIsNotFought) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged("networkd", "follow", "never"));
  ASSERT_NO_FATAL_FAILURE(RelocateForGood());
  const auto told = [&] { return Order({"status"}).find("again and again") != std::string::npos; };
  int begun = 0;
  for (; !told() && begun < 30; ++begun) {
    ASSERT_OK(manager().Begin());
    ASSERT_OK(manager().process().AwaitOutput("eth0: Addresses set", absl::Seconds(10)));
    ASSERT_OK(Await(
        absl::Seconds(10),
        [&] {
          return told() || NicsWith(Address(0, AF_INET6)) == std::vector<std::string>{"eth1"};
        },
        "the copy to go, or to be told of"));
    EXPECT_EQ(HomeOf(Address(0, AF_INET6)), "eth1");
  }
  EXPECT_TRUE(told()) << agent().Log();
  EXPECT_GT(begun, 2);
  EXPECT_THAT(NicsWith(Address(0, AF_INET6)), ElementsAre("eth0", "eth1"));
  ExpectOneSpeaker(LabPlan::NicMac(1), 1);
}

TEST_F(WithManager, DhclientGetsALeaseThroughTheStandIn) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent());
  ASSERT_NO_FATAL_FAILURE(lab().PullCable(0));
  ASSERT_OK(agent().AwaitState("eth0", "down"));
  ASSERT_NO_FATAL_FAILURE(StartDhclient());
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth0"));
  ExpectOneSpeaker(LabPlan::NicMac(0), 1);
}

// It begins anew, and listens on eth0 before anything else sees the answer.
TEST_F(WithManager, DhclientAddsAMovedAddressToItsOldNicAndStatusNamesThat) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged("dhclient"));
  EXPECT_THAT(Order({"move", Address(0, AF_INET).ToString(), "eth1"}), HasSubstr("it expires in"));
  Order({"move", Address(0, AF_INET6).ToString(), "eth1"});
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  ASSERT_OK(manager().Start());
  EXPECT_OK(Await(
      absl::Seconds(10),
      [&] {
        return Order({"status"}).find("198.51.100.1 is on eth0 as well as on eth1") !=
               std::string::npos;
      },
      "the copy to be told of"))
      << agent().Log();
  EXPECT_EQ(HomeOf(Address(0, AF_INET)), "eth1");
  ExpectOneSpeaker(LabPlan::NicMac(1), 1);
}

TEST_F(WithManager, ALeaseThatDhclientGivesBackIsForgotten) {
  ASSERT_NO_FATAL_FAILURE(BuildManaged("dhclient"));
  ASSERT_OK(manager().Release());
  EXPECT_OK(Await(
      absl::Seconds(10),
      [&] { return HomeOf(Address(0, AF_INET)).empty() && NicsWith(Address(0, AF_INET)).empty(); },
      "the address to be nowhere"))
      << agent().Log();
  ExpectNoProblems();
}

}  // namespace
}  // namespace stronghost::lab
