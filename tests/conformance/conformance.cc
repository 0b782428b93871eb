#include "tests/conformance/conformance.h"

#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace stronghost::lab {
namespace {

// Torn down when the program's tests are over, before the rest of the program is.
class Hosts : public testing::Environment {
 public:
  Host* Get(Topology topology, bool stronghost) {
    std::unique_ptr<Host>& host = hosts_[{topology, stronghost}];
    if (host == nullptr) {
      auto made = Host::Create(topology, stronghost);
      EXPECT_OK(made);
      if (!made.ok()) {
        return nullptr;
      }
      host = *std::move(made);
    }
    return host.get();
  }
  void TearDown() override { hosts_.clear(); }

 private:
  std::map<std::pair<Topology, bool>, std::unique_ptr<Host>> hosts_;
};

Hosts& SharedHosts() {
  static auto* const kHosts =
      static_cast<Hosts*>(testing::AddGlobalTestEnvironment(new Hosts));  // gtest owns it
  return *kHosts;
}
[[maybe_unused]] const Hosts& kMadeBeforeMain = SharedHosts();

std::string LogOf(Host& host) {
  return host.stronghost() ? host.agent().Log() : "";
}

}  // namespace

std::string NameOfPlace(const testing::TestParamInfo<Place>& place) {
  return absl::StrCat(NameOf(place.param.topology), place.param.family == AF_INET ? "_v4" : "_v6");
}

std::vector<Place> Places(const std::vector<Topology>& topologies,
                          const std::vector<int>& families) {
  std::vector<Place> places;
  for (const Topology topology : topologies) {
    for (const int family : families) {
      places.push_back({topology, family});
    }
  }
  return places;
}

void Conformance::Judge(const Check& check, const Known& known) {
  Host* strong = SharedHosts().Get(topology(), true);
  Host* plain = SharedHosts().Get(topology(), false);
  ASSERT_TRUE(strong != nullptr && plain != nullptr);
  for (Host* host : {strong, plain}) {
    const Violation found = check(*host, family());
    Expect(host->stronghost(), found, known, LogOf(*host));
  }
}

void Conformance::JudgeFresh(const Check& check, const Known& known) {
  const auto judge = [&](bool stronghost) {
    const auto host = Host::Create(topology(), stronghost);
    ASSERT_OK(host);
    const Violation found = check(**host, family());
    Expect(stronghost, found, known, LogOf(**host));
  };
  std::thread beside([&] { judge(/*stronghost=*/false); });
  judge(/*stronghost=*/true);
  beside.join();
}

void Conformance::Expect(bool stronghost, const Violation& found, const Known& known,
                         const std::string& log) {
  const std::string who = stronghost ? "stronghost" : "plain";
  const Violation& expected = stronghost ? known.with_stronghost : known.plain;
  RecordProperty(who, found.empty() ? "conforms" : "violates");
  RecordProperty(who + "_does", found);
  if (expected.empty()) {
    EXPECT_EQ(found, "") << who << log;
  } else {
    EXPECT_THAT(found, testing::HasSubstr(expected)) << who << " is known to violate this";
  }
}

}  // namespace stronghost::lab
