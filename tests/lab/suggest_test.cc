// `stronghost suggest`: the real command in the server's namespace, on switches that are real.
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/config/load.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lab/managers.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/raw_sender.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using Json = nlohmann::json;
using Nics = std::vector<std::vector<std::string>>;

constexpr uint16_t kEtherType = 0x88b5;

class SuggestLab : public AgentLab {
 protected:
  void MakeLab(const LabOptions& options = {}) {
    auto lab = Lab::Create(options);
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
  }
  // Runs the command where nothing answers at the socket; its output.
  std::string Run(std::vector<std::string> args) {
    args.insert(args.begin(), {ProgramPath("stronghost"), "--socket", NoSocket(), "suggest"});
    const auto result = lab().server().Exec(std::move(args));
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, 0) << result->output;
    return result->output;
  }
  static std::string NoSocket() { return absl::StrCat("/tmp/", ScratchName("none")); }

  // The suggestion; its configuration is one that the daemon's check takes.
  Json Suggest(const std::vector<std::string>& args = {}) {
    std::vector<std::string> with_json = args;
    with_json.emplace_back("--json");
    const std::string output = Run(with_json);
    Json json = Json::parse(output, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(json.is_discarded()) << output;
    auto checked = Agent::Prepare(lab().server(), {.groups = json.value("config", "")});
    EXPECT_OK(checked);
    const auto check = lab().server().Exec(
        {ProgramPath("stronghostd"), "--config", checked->config_path(), "--check"});
    EXPECT_OK(check);
    EXPECT_EQ(check->exit_status, 0) << check->output << json.value("config", "");
    return json;
  }
  static Nics NicsOf(const Json& suggestion) {
    Nics nics;
    for (const Json& group : suggestion.at("groups")) {
      nics.emplace_back();
      for (const Json& nic : group.at("nics")) {
        nics.back().push_back(nic.at("name"));
      }
    }
    return nics;
  }
  static std::string ReasonFor(const Json& suggestion, const std::string& nic) {
    for (const Json& left : suggestion.at("left_out")) {
      if (left.at("nic") == nic) {
        return left.at("reason");
      }
    }
    return "";
  }
  static std::string OriginOf(const Json& suggestion, const std::string& ip) {
    for (const Json& group : suggestion.at("groups")) {
      for (const Json& nic : group.at("nics")) {
        for (const Json& address : nic.at("addresses")) {
          if (absl::StartsWith(address.at("ip").get<std::string>(), ip + "/")) {
            return address.at("origin");
          }
        }
      }
    }
    return "";
  }
  static std::string Notes(const Json& suggestion, size_t group) {
    return suggestion.at("groups").at(group).at("notes").dump();
  }

  // Captures what the NIC itself sends, on the switch's side of its cable.
  std::unique_ptr<Capture> Tap(int nic) {
    auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                  {.direction = CaptureOptions::Direction::kIncoming});
    EXPECT_OK(capture);
    return *std::move(capture);
  }
  static int ProbesIn(Capture& capture) {
    return capture.Count([](const Frame& frame) { return frame.ether_type == kEtherType; });
  }
};

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

TEST_F(SuggestLab, NoMoreFramesThanPromisedAndNoneWithoutTheExchange) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 3}));
  // eth2 hears nobody, so that all rounds are run.
  ASSERT_OK(
      lab().switch_netns().IpBatch("link add br9 type bridge\nlink set br9 up\n"
                                   "link set p2 master br9\n"));
  std::vector<std::unique_ptr<Capture>> taps;
  for (int nic = 0; nic < 3; ++nic) {
    taps.push_back(Tap(nic));
  }
  Run({"--no-probe"});
  for (const auto& tap : taps) {
    EXPECT_EQ(ProbesIn(*tap), 0);
  }
  Run({});
  for (int nic = 0; nic < 3; ++nic) {
    EXPECT_EQ(ProbesIn(*taps[nic]), 3) << nic;
    EXPECT_EQ(taps[nic]->Missed(), 0);
    for (const CapturedFrame& captured : taps[nic]->Frames()) {
      if (const Frame frame = captured.Parse(); frame.ether_type == kEtherType) {
        EXPECT_EQ(captured.length, 60U);
        EXPECT_EQ(frame.source, LabPlan::NicMac(nic));
        EXPECT_EQ(frame.destination.ToString(), "ff:ff:ff:ff:ff:ff");
      }
    }
  }
}

TEST_F(SuggestLab, OneFrameIsEnoughWhereAllHearEachOther) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  const auto first = Tap(0);
  const auto second = Tap(1);
  EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(ProbesIn(*first), 1);
  EXPECT_EQ(ProbesIn(*second), 1);
}

TEST_F(SuggestLab, OneNicAloneSendsNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 1}));
  const auto tap = Tap(0);
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("A group of one"));
  EXPECT_EQ(ProbesIn(*tap), 0);
}

TEST_F(SuggestLab, ALoopIsSaid) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", "p0", "hairpin", "on"}));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth0 heard its own frame"));
}

// Carries the frames of the exchange from one isolated port of the switch to another, with a VLAN
// tag or without.
class Relay {
 public:
  Relay(Lab& lab, int from, int to, std::optional<uint16_t> vlan) : vlan_(vlan) {
    auto capture = Capture::Start(
        lab.switch_netns(), LabPlan::Port(from),
        {.direction = CaptureOptions::Direction::kIncoming,
         .filter = [](const CapturedFrame& f) { return f.Parse().ether_type == kEtherType; }});
    EXPECT_OK(capture);
    capture_ = *std::move(capture);
    auto sender = RawSender::Open(lab.switch_netns(), LabPlan::Port(to));
    EXPECT_OK(sender);
    sender_.emplace(*std::move(sender));
    thread_ = std::thread([this] { Run(); });
  }
  ~Relay() {
    done_ = true;
    thread_.join();
  }

 private:
  void Run() {
    while (!done_) {
      const auto any = [](const CapturedFrame&) { return true; };
      const auto frame = capture_->AwaitFrame(any, absl::Milliseconds(20));
      if (!frame.ok()) {
        continue;
      }
      capture_->Clear();
      Bytes bytes = frame->bytes;
      if (vlan_.has_value()) {
        const std::array<uint8_t, 4> tag = {0x81, 0x00, static_cast<uint8_t>(*vlan_ >> 8),
                                            static_cast<uint8_t>(*vlan_)};
        bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
      }
      EXPECT_OK(sender_->Send(bytes));
    }
  }

  const std::optional<uint16_t> vlan_;
  std::unique_ptr<Capture> capture_;
  std::optional<RawSender> sender_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// A port that hears a VLAN tagged is not in the segment of one that speaks untagged.
TEST_F(SuggestLab, TaggedFramesJoinNobody) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  for (const char* port : {"p0", "p1"}) {
    ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", port, "isolated", "on"}));
  }
  for (const bool tagged : {true, false}) {
    const auto vlan = tagged ? std::optional<uint16_t>(5) : std::nullopt;
    const Relay there(lab(), 0, 1, vlan);
    const Relay back(lab(), 1, 0, vlan);
    EXPECT_EQ(NicsOf(Suggest()), tagged ? (Nics{{"eth0"}, {"eth1"}}) : (Nics{{"eth0", "eth1"}}));
  }
}

TEST_F(SuggestLab, WhatIsHeardOneWayOnlyIsSaidAndJoinsNobody) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().switch_netns().Check(
      {"nft",
       "add table bridge t; add chain bridge t f { type filter hook forward priority 0; }; "
       "add rule bridge t f iifname \"p1\" oifname \"p0\" ether type 0x88b5 drop"}));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0"}, {"eth1"}}));
  for (const size_t group : {0U, 1U}) {
    EXPECT_THAT(Notes(suggestion, group), HasSubstr("eth1 heard eth0, but eth0 did not hear eth1"));
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

TEST_F(SuggestLab, NetworkdThatRunsHereIsNotedAndOneElsewhereIsNot) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  // Known by its name alone.
  const std::string folder = absl::StrCat("/tmp/", ScratchName("networkd"));
  ASSERT_TRUE(std::filesystem::create_directory(folder));
  const std::string program = folder + "/systemd-networkd";
  std::filesystem::copy_file("/bin/sleep", program);
  {
    auto elsewhere = Process::Start(lab().client(), {.argv = {program, "60"}});
    ASSERT_OK(elsewhere);
    EXPECT_THAT(Suggest().at("notes").dump(), Not(HasSubstr("systemd-networkd")));
    auto here = Process::Start(lab().server(), {.argv = {program, "60"}});
    ASSERT_OK(here);
    EXPECT_THAT(Suggest().at("notes").dump(), HasSubstr("IgnoreCarrierLoss=yes"));
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

class SuggestBesideAgent : public SuggestLab {
 protected:
  // As an administrator runs it, who names the agent's socket.
  Json SuggestBeside() {
    const auto result = agent().Command({"suggest", "--json"});
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, 0) << result->output;
    EXPECT_THAT(result->output, HasSubstr("an agent answers"));
    const size_t begin = result->output.find('{');  // behind what stands on stderr
    return Json::parse(result->output.substr(begin), nullptr, /*allow_exceptions=*/false);
  }
};

class SuggestWithXdp : public SuggestBesideAgent,
                       public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Modes, SuggestWithXdp, ::testing::Values("off", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(SuggestWithXdp, ARunningAgentDoesNotHinderTheExchange) {
  ASSERT_NO_FATAL_FAILURE(Build(absl::StrCat(GroupKeys("follow"), "xdp = \"", GetParam(), "\"\n")));
  const Json suggestion = SuggestBeside();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(suggestion.at("probed"), true);
  EXPECT_THAT(Notes(suggestion, 0), Not(HasSubstr("did not hear")));
}

// A frame of a drained NIC would take its MAC back from the NIC that carries it.
TEST_F(SuggestBesideAgent, ADrainedNicOnlyListens) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(agent().Command({"drain", "eth0"}));
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  const auto drained = Tap(0);
  const auto other = Tap(1);
  const Json suggestion = SuggestBeside();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(ProbesIn(*drained), 0);
  EXPECT_GE(ProbesIn(*other), 1);
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth0 sent nothing"));
}

}  // namespace
}  // namespace stronghost::lab
