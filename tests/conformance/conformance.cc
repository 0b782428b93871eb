#include "tests/conformance/conformance.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

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

void Conformance::Judge(const Check& check, Plain plain) {
  Host* strong = SharedHosts().Get(topology(), true);
  Host* plain_host = SharedHosts().Get(topology(), false);
  ASSERT_TRUE(strong != nullptr && plain_host != nullptr);
  JudgeThese(*strong, *plain_host, check, plain);
}

void Conformance::JudgeFresh(const Check& check, Plain plain) {
  const auto strong = Host::Create(topology(), true);
  ASSERT_OK(strong);
  const auto plain_host = Host::Create(topology(), false);
  ASSERT_OK(plain_host);
  JudgeThese(**strong, **plain_host, check, plain);
}

void Conformance::JudgeThese(Host& strong, Host& plain_host, const Check& check, Plain plain) {
  const Violation with = check(strong, family());
  EXPECT_EQ(with, "") << strong.agent().Log();
  RecordProperty("stronghost", with.empty() ? "conforms" : "violates");
  const Violation without = check(plain_host, family());
  RecordProperty("plain", without.empty() ? "conforms" : "violates");
  RecordProperty("plain_does", without);
  EXPECT_EQ(without.empty(), plain == Plain::kConforms)
      << "plain Linux, of which another thing is known: " << without;
}

}  // namespace stronghost::lab
