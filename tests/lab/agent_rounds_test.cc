// What is right once has to be right two hundred times: moves under load, and a NIC that vanishes
// and comes back, with sessions that live through it all.
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/lab/relocation_fixture.h"

namespace stronghost::lab {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;

constexpr int kRounds = 200;
#ifdef __SANITIZE_ADDRESS__  // it keeps what was freed
constexpr int kMostGrowth = 1 << 20;
#else
constexpr int kMostGrowth = 256;  // kB in 150 rounds
#endif

class Rounds : public RelocationLab {
 protected:
  using Sessions = std::vector<std::unique_ptr<TcpSession>>;

  static void AwaitProgress(const Sessions& sessions) {
    for (const auto& session : sessions) {
      ASSERT_OK(session->AwaitProgress(1'000, absl::Seconds(30)));
    }
  }
  static void ExpectAlive(const Sessions& sessions) {
    for (const auto& session : sessions) {
      const TcpResult result = session->Finish();
      EXPECT_TRUE(result.alive) << result.ToString();
    }
  }
  void ExpectNoErrorLogged() {
    std::set<std::string> errors;
    for (const absl::string_view line : absl::StrSplit(agent().Log(), '\n')) {
      // An announcement that a NIC drops while it goes is repeated.
      if (const size_t begin = line.find(" error: ");
          begin != absl::string_view::npos && line.find("are repeated") == line.npos) {
        errors.emplace(line.substr(begin + 1));
      }
    }
    EXPECT_THAT(errors, IsEmpty());
  }
};

TEST_F(Rounds, TwoHundredMovesUnderLoadLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  Sessions sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  for (int moves = 0; moves < kRounds;) {
    for (const std::string nic : {"eth1", "eth0"}) {
      SCOPED_TRACE(absl::StrCat("after ", moves, " moves"));
      for (const int family : {AF_INET, AF_INET6}) {
        ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 20));
        Order({"move", Address(0, family).ToString(), nic});
        ++moves;
      }
      ASSERT_NO_FATAL_FAILURE(AwaitHome(nic));
      ASSERT_NO_FATAL_FAILURE(AwaitProgress(sessions));
    }
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ExpectNoLoss(streams);
  ExpectAlive(sessions);
  ExpectNoErrorLogged();
}

class Replugging : public Rounds {
 protected:
  // Addresses and the NICs where they are, sorted.
  using Places = std::vector<std::pair<std::string, std::string>>;

  // All that the NICs have in the kernel.
  Places InKernel() {
    const auto json = lab().server().Check({"ip", "-json", "addr", "show"});
    EXPECT_OK(json);
    Places places;
    for (const auto& link : nlohmann::json::parse(*json)) {
      for (const auto& address : link.value("addr_info", nlohmann::json::array())) {
        if (address.value("local", "") != "" && link.at("ifname") != "lo") {
          places.emplace_back(address.at("local"), link.at("ifname"));
        }
      }
    }
    std::sort(places.begin(), places.end());
    return places;
  }
  // All that their home carries itself, as the agent says.
  Places InStatus() {
    const auto status = agent().Status();
    EXPECT_OK(status);
    Places places;
    for (const auto& address : status->at("groups").at(0).at("addresses")) {
      if (address.at("wire") == address.at("home")) {
        const std::string ip = address.at("ip");
        places.emplace_back(ip.substr(0, ip.find('%')), address.at("home"));
      }
    }
    std::sort(places.begin(), places.end());
    return places;
  }
  void AwaitPlaces(const Places& places) {
    ASSERT_OK(Await(
        absl::Seconds(10), [&] { return InStatus() == places && InKernel() == places; },
        "every address in its place"))
        << agent().Log();
  }
  // Those addresses that outlive eth0, on eth1.
  static Places WithoutEth0(const Places& all) {
    Places places;
    for (const auto& [ip, nic] : all) {
      if (nic == "eth1" || !IpAddress::Parse(ip)->IsLinkLocal()) {
        places.emplace_back(ip, "eth1");
      }
    }
    return places;
  }

  // What the agent holds and has made, one a line.
  std::string Footprint() {
    const auto descriptors = fs::directory_iterator(ProcPath("fd"));
    std::vector<std::string> lines = {
        absl::StrCat("descriptors: ", std::distance(begin(descriptors), end(descriptors)))};
    for (const char* map : {"sh_nics", "sh_addresses", "sh_prefixes", "sh_homes"}) {
      lines.push_back(absl::StrCat(map, ": ", EntriesOf(map)));
    }
    for (const std::string& pin : Pins()) {
      lines.push_back(absl::StrCat("pin: ", pin));
    }
    for (const std::string command : {"ip -4 rule", "ip -6 rule", "ip -4 route show table all",
                                      "ip -6 route show table all", "bridge fdb show"}) {
      const auto output = lab().server().Check(absl::StrSplit(command, ' '));
      EXPECT_OK(output);
      for (const auto line : absl::StrSplit(*output, '\n', absl::SkipEmpty())) {
        lines.push_back(absl::StrCat(command, ": ", line));
      }
    }
    std::sort(lines.begin(), lines.end());
    return absl::StrJoin(lines, "\n");
  }
  // Once there is no more change.
  std::string SettledFootprint() {
    std::string last;
    EXPECT_OK(Await(
        absl::Seconds(10),
        [&] {
          const std::string now = Footprint();
          return std::exchange(last, now) == now;
        },
        "the same footprint twice"));
    return last;
  }
  // In Kbyte. (/proc/PID/status is wrong by up to 32 pages a CPU.)
  int ResidentSize() {
    std::ifstream file(ProcPath("smaps_rollup"));
    for (std::string word; file >> word;) {
      if (int size = 0; word == "Rss:" && file >> size) {
        return size;
      }
    }
    ADD_FAILURE() << "no Rss in " << ProcPath("smaps_rollup");
    return 0;
  }
  uintmax_t StateSize() { return fs::file_size(agent().state_dir() + "/state.json"); }

 private:
  std::string ProcPath(const std::string& name) {
    return absl::StrCat("/proc/", agent().process().pid(), "/", name);
  }
  // Their names, with those of NICs for indices: an index is that of a NIC that is gone.
  std::vector<std::string> Pins() {
    std::map<std::string, std::string> nics;
    for (const char* nic : {"eth0", "eth1"}) {
      const auto index = lab().server().IfIndex(nic);
      EXPECT_OK(index);
      nics[absl::StrCat(*index)] = nic;
    }
    std::vector<std::string> pins;
    for (const auto& entry : fs::recursive_directory_iterator(agent().pin_dir())) {
      std::string name = entry.path().filename();
      const std::string index = name.substr(0, name.find('-'));
      pins.push_back(nics.contains(index) ? nics[index] + name.substr(index.size()) : name);
    }
    return pins;
  }
  // Of sh_homes, which is an array: the slots that are in use.
  size_t EntriesOf(const std::string& map) {
    const auto dump = lab().server().Check(
        {"bpftool", "--json", "map", "dump", "pinned", absl::StrCat(agent().pin_dir(), "/", map)});
    EXPECT_OK(dump);
    size_t used = 0;
    for (const auto& entry : nlohmann::json::parse(*dump)) {
      const auto& value = entry.at("formatted").at("value");
      used += map != "sh_homes" || value.at("path").at("wire") != 0 ? 1 : 0;
    }
    return used;
  }
};

TEST_F(Replugging, TwoHundredTimesEndsNoSessionAndLeavesNothingBehind) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow", "50ms"), "xdp = \"native\"\n",
                         "[[group.address]]\nip = \"198.51.100.50/24\"\nhome = \"eth0\"\n",
                         "[[group.address]]\nip = \"2001:db8::50/64\"\nhome = \"eth0\"\n")));
  Sessions sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  Places places;
  ASSERT_OK(Await(
      absl::Seconds(10), [&] { return (places = InKernel()).size() == 8; }, "the addresses"));
  std::string footprint;
  uintmax_t state_size = 0;
  int resident_size = 0;
  for (int round = 1; round <= kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    ASSERT_OK(lab().RemoveNic(0));
    ASSERT_NO_FATAL_FAILURE(AwaitPlaces(WithoutEth0(places)));
    ASSERT_NO_FATAL_FAILURE(AwaitProgress(sessions));
    ASSERT_OK(lab().InsertNic(0));
    ASSERT_NO_FATAL_FAILURE(AwaitPlaces(places));
    ASSERT_NO_FATAL_FAILURE(AwaitProgress(sessions));
    if (round == 5) {
      footprint = SettledFootprint();
      state_size = StateSize();
    } else if (round == 50) {
      resident_size = ResidentSize();
    }
  }
  EXPECT_EQ(SettledFootprint(), footprint);
  EXPECT_LE(StateSize(), state_size + 50);  // indices get longer
  EXPECT_LT(ResidentSize(), resident_size + kMostGrowth);
  ExpectAlive(sessions);
  ExpectNoErrorLogged();
}

}  // namespace
}  // namespace stronghost::lab
