#include "tests/conformance/conformance.h"

#include <map>
#include <memory>
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
  JudgeThese(*strong, *plain, check, known);
}

void Conformance::JudgeFresh(const Check& check, const Known& known) {
  const auto strong = Host::Create(topology(), true);
  ASSERT_OK(strong);
  const auto plain = Host::Create(topology(), false);
  ASSERT_OK(plain);
  JudgeThese(**strong, **plain, check, known);
}

void Conformance::JudgeThese(Host& strong, Host& plain, const Check& check, const Known& known) {
  const auto judge = [&](Host& host, const std::string& who, const Violation& expected) {
    const Violation found = check(host, family());
    RecordProperty(who, found.empty() ? "conforms" : "violates");
    RecordProperty(who + "_does", found);
    if (expected.empty()) {
      EXPECT_EQ(found, "") << who << (host.stronghost() ? host.agent().Log() : "");
    } else {
      EXPECT_THAT(found, testing::HasSubstr(expected)) << who << " is known to violate this";
    }
  };
  judge(strong, "stronghost", known.with_stronghost);
  judge(plain, "plain", known.plain);
}

}  // namespace stronghost::lab
