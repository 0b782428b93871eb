// `stronghost suggest`: the real command in the server's namespace, on switches that are real.
#include <sys/socket.h>

#include <filesystem>

#include "tests/lab/managers.h"
#include "tests/lab/suggest_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST_F(SuggestLab, TwoNicsOnOneSwitchAreOneGroup) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(suggestion.at("probed"), true);
  EXPECT_EQ(suggestion.at("groups").at(0).at("gateways"),
            Json::array({"198.51.100.254", "2001:db8::fe"}));
  EXPECT_EQ(OriginOf(suggestion, "198.51.100.1"), "static");
  EXPECT_THAT(Notes(suggestion, 0), Not(HasSubstr("Warning")));
}

// What a guess by subnet gets wrong: the subnet is the same, the switch is not.
TEST_F(SuggestLab, TwoSwitchesWithOneSubnetAreTwoGroups) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(
      lab().switch_netns().IpBatch("link add br9 type bridge\nlink set br9 up\n"
                                   "link set p1 master br9\n"));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0"}, {"eth1"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth1 has addresses in 198.51.100.0/24 too"));
  EXPECT_THAT(Notes(suggestion, 1), HasSubstr("eth0 has addresses in 198.51.100.0/24 too"));
  EXPECT_EQ(NicsOf(Suggest({"--no-probe"})), (Nics{{"eth0", "eth1"}}));
}

TEST_F(SuggestLab, IsolatedPortsOfOneSwitchAreTwoGroups) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", "p0", "isolated", "on"}));
  ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", "p1", "isolated", "on"}));
  EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0"}, {"eth1"}}));
}

TEST_F(SuggestLab, OneSwitchWithTwoSubnetsIsOneGroup) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(
      lab().server().IpBatch("addr flush dev eth1 scope global\n"
                             "addr add 203.0.113.77/24 dev eth1\n"));
  EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(NicsOf(Suggest({"--no-probe"})), (Nics{{"eth0"}, {"eth1"}}));
}

TEST_F(SuggestLab, TwoProvidersAreTwoGroups) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 2, .segments = 2}));
  EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0", "eth1"}, {"eth2", "eth3"}}));
}

TEST_F(SuggestLab, ANicWithoutAddressIsFoundInItsSegment) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 3}));
  ASSERT_OK(lab().server().IpBatch("addr flush dev eth0 scope global\n"));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth1", "eth2", "eth0"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth0 has no address"));
  EXPECT_THAT(ReasonFor(Suggest({"--no-probe"}), "eth0"), HasSubstr("without --no-probe"));
}

TEST_F(SuggestLab, WhatIsNoMemberIsLeftOutWithTheReason) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 5}));
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(lab().AwaitLink(1, false));
  ASSERT_OK(lab().SetAdmin(2, false));
  ASSERT_OK(
      lab().server().IpBatch("link add br9 type bridge\nlink set br9 up\n"
                             "link set eth3 master br9\n"
                             "link add link eth0 name mv0 type macvlan\n"));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth4"}}));
  EXPECT_THAT(ReasonFor(suggestion, "lo"), HasSubstr("loopback"));
  EXPECT_THAT(ReasonFor(suggestion, "eth1"), HasSubstr("has no carrier"));
  EXPECT_THAT(ReasonFor(suggestion, "eth2"), HasSubstr("is down"));
  EXPECT_THAT(ReasonFor(suggestion, "eth3"), HasSubstr("is a port of bridge 'br9'"));
  EXPECT_THAT(ReasonFor(suggestion, "br9"), HasSubstr("is a bridge without a NIC"));
  EXPECT_THAT(ReasonFor(suggestion, "mv0"), HasSubstr("is a macvlan on 'eth0'"));
  const std::string text = suggestion.at("config");
  for (const char* nic : {"lo", "eth1", "eth2", "eth3", "br9", "mv0"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# - ", nic, " "))) << nic;
  }
}

TEST_F(SuggestLab, LeasesOfRealDhcpClientsAreNamedAndTheirGatewaysFollowed) {
  for (const bool networkd : {true, false}) {
    SCOPED_TRACE(networkd ? "networkd" : "dhclient");
    ASSERT_NO_FATAL_FAILURE(MakeLab());
    auto server = DhcpServer::Start(lab());
    ASSERT_OK(server);
    ASSERT_OK(lab().server().IpBatch(
        "addr del 198.51.100.1/24 dev eth0\naddr del 2001:db8::1/64 dev eth0\n"));
    auto manager = networkd ? AddressManager::Networkd(lab(), "") : AddressManager::Dhclient(lab());
    ASSERT_OK(manager);
    ASSERT_OK(manager->Start());
    // networkd tells of the lease before the kernel has the address, and the route after it.
    ASSERT_OK(Await(
        absl::Seconds(10),
        [&] {
          const auto routes =
              lab().server().Check({"ip", "-4", "route", "show", "default", "dev", "eth0"});
          return routes.ok() && !routes->empty();
        },
        "the leased default route"));
    const Json suggestion = Suggest();
    EXPECT_THAT(OriginOf(suggestion, "198.51.100.1"), MatchesRegex("DHCP, 1?[0-9]?[0-9] s left"));
    // dnsmasq gives its own address as the router; the IPv6 one is static.
    EXPECT_EQ(suggestion.at("groups").at(0).at("gateways"), Json::array({"2001:db8::fe"}));
    EXPECT_THAT(Notes(suggestion, 0), HasSubstr("198.51.100.254 by eth0 (DHCP)"));
    const std::string notes = suggestion.at("notes").dump();
    EXPECT_EQ(absl::StrContains(notes, "IgnoreCarrierLoss=yes"), networkd) << notes;
  }
}

// As the kernel leaves them after a router advertisement.
TEST_F(SuggestLab, AddressesOfRouterAdvertisementsAreNamedAndTheirGatewaysFollowed) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().server().IpBatch(
      "addr add 2001:db8::77/64 dev eth1 valid_lft 900 preferred_lft 900 mngtmpaddr nodad\n"
      "route del default via 2001:db8::fe\n"
      "route add default via fe80::fe dev eth0 proto ra\n"));
  const Json suggestion = Suggest();
  EXPECT_THAT(OriginOf(suggestion, "2001:db8::77"),
              MatchesRegex("router advertisement, [0-9]+ s left"));
  EXPECT_EQ(OriginOf(suggestion, "2001:db8::1"), "static");
  EXPECT_EQ(suggestion.at("groups").at(0).at("gateways"), Json::array({"198.51.100.254"}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("fe80::fe by eth0 (router advertisement)"));
}

TEST_F(SuggestLab, AContainersBridgeIsOfferedAsAPrefix) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().AddContainer());
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_THAT(suggestion.at("config").get<std::string>(),
              HasSubstr("#[[group.prefix]]\n  #prefix = \"192.0.2.128/25\"\n"));
}

TEST_F(SuggestLab, OddNamesAreWrittenSoThatTheDaemonReadsThem) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  for (const char* name : {"a\"b", "a\\b", "n\u00e4t#0"}) {
    ASSERT_OK(lab().server().IpBatch("link set eth1 down\n"));
    ASSERT_OK(lab().server().Check({"ip", "link", "set", "eth1", "name", name}));
    ASSERT_OK(lab().server().Check({"ip", "link", "set", name, "up"}));
    ASSERT_OK(lab().AwaitLink(1, true));
    EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0", name}}));
    ASSERT_OK(lab().server().Check({"ip", "link", "set", name, "down"}));
    ASSERT_OK(lab().server().Check({"ip", "link", "set", name, "name", "eth1"}));
  }
}

TEST_F(SuggestLab, OneMacOnTwoNicsIsSaid) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().server().IpBatch(
      absl::StrCat("link set eth1 address ", LabPlan::NicMac(0).ToString(), "\n")));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("have one MAC"));
}

TEST_F(SuggestLab, ManagerThatRunsHereIsNotedAndOneElsewhereIsNot) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  // Known by its name alone.
  const std::string folder = absl::StrCat("/tmp/", ScratchName("managers"));
  ASSERT_TRUE(std::filesystem::create_directory(folder));
  for (const auto& [name, mend] :
       {std::pair("systemd-networkd", "IgnoreCarrierLoss=yes"),
        std::pair("NetworkManager", "ignore-carrier=yes for each member")}) {
    const std::string program = absl::StrCat(folder, "/", name);
    std::filesystem::copy_file("/bin/sleep", program);
    auto elsewhere = Process::Start(lab().client(), {.argv = {program, "60"}});
    ASSERT_OK(elsewhere);
    EXPECT_THAT(Suggest().at("notes").dump(), Not(HasSubstr(name)));
    auto here = Process::Start(lab().server(), {.argv = {program, "60"}});
    ASSERT_OK(here);
    EXPECT_THAT(Suggest().at("notes").dump(), HasSubstr(mend));
  }
  std::filesystem::remove_all(folder);
}

TEST_F(SuggestLab, WithoutThePrivilegeItSaysTheMendWhichWorks) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  const std::vector<std::string> weak = {"setpriv",
                                         "--reuid",
                                         "65534",
                                         "--clear-groups",
                                         "--inh-caps=-all",
                                         "--bounding-set=-all",
                                         ProgramPath("stronghost"),
                                         "--socket",
                                         NoSocket(),
                                         "suggest"};
  const auto refused = lab().server().Exec(weak);
  ASSERT_OK(refused);
  EXPECT_EQ(refused->exit_status, 1);
  EXPECT_THAT(refused->output, AllOf(HasSubstr("CAP_NET_RAW"), HasSubstr("--no-probe")));
  std::vector<std::string> guess = weak;
  guess.emplace_back("--no-probe");
  const auto guessed = lab().server().Exec(guess);
  ASSERT_OK(guessed);
  EXPECT_EQ(guessed->exit_status, 0) << guessed->output;
  EXPECT_THAT(guessed->output, HasSubstr("nics = [\"eth0\", \"eth1\"]"));
}

// G1 with the file as it was suggested: one NIC answers, with one MAC.
TEST_F(SuggestLab, TheSuggestedFileStartsADaemonThatHoldsWhatItPromises) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  {
    auto plain = ArpProbe::Open(lab());
    ASSERT_OK(plain);
    const auto answers = plain->Ask(Address(0, AF_INET));
    ASSERT_OK(answers);
    ASSERT_EQ(answers->size(), 2U) << "nothing to mend";
  }
  auto agent = Agent::Start(lab().server(), {.groups = Run({})});
  ASSERT_OK(agent);
  agent_.emplace(*std::move(agent));
  auto probe = ArpProbe::Open(lab());
  ASSERT_OK(probe);
  for (const int nic : {0, 1}) {
    for (const int family : {AF_INET, AF_INET6}) {
      const auto counts = probe->AskMany(Address(nic, family), 100);
      ASSERT_OK(counts);
      EXPECT_EQ(counts->unanswered, 0) << counts->ToString();
      EXPECT_EQ(counts->answered_more_than_once, 0) << counts->ToString();
      ASSERT_EQ(counts->answers.size(), 1U) << counts->ToString();
      EXPECT_EQ(counts->answers.begin()->first.mac, LabPlan::NicMac(nic));
    }
  }
}

}  // namespace
}  // namespace stronghost::lab
