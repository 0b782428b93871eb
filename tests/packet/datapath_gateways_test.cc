// sh_gateways through the agent's mapping.
#include <bpf/bpf.h>

#include <algorithm>

#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

constexpr MacAddress kFirst{{2, 0, 0, 0, 0x50, 1}};
constexpr MacAddress kSecond{{2, 0, 0, 0, 0x50, 2}};
constexpr HomeIndex kHome{7};

class DatapathGatewaysTest : public DatapathTest {
 protected:
  void SetUp() override {
    DatapathTest::SetUp();
    datapath_ = OpenOrDie();
    map_ = UniqueFd(bpf_obj_get(Pin("sh_gateways").c_str()));
    ASSERT_TRUE(map_.valid());
  }
  [[nodiscard]] sh_gateways Read() const {
    const uint32_t key = ToInt(kHome);
    sh_gateways value{};
    EXPECT_EQ(bpf_map_lookup_elem(map_.get(), &key, &value), 0);
    return value;
  }
  void Write(const sh_gateways& value) const {
    const uint32_t key = ToInt(kHome);
    ASSERT_EQ(bpf_map_update_elem(map_.get(), &key, &value, 0), 0);
  }

  std::unique_ptr<Datapath> datapath_;
  UniqueFd map_;
};

TEST_F(DatapathGatewaysTest, WatchedMacsAreInTheMap) {
  const std::vector<MacAddress> macs = {kFirst, kSecond};
  datapath_->gateways().Watch(kHome, macs);
  const sh_gateways value = Read();
  for (size_t i = 0; i < SH_GATEWAY_SLOTS; ++i) {
    const MacAddress wanted = i < macs.size() ? macs[i] : MacAddress();
    EXPECT_TRUE(std::equal(wanted.bytes.begin(), wanted.bytes.end(), value.slot[i].mac.bytes));
  }
}

TEST_F(DatapathGatewaysTest, MarksAreTakenOnce) {
  const std::vector<MacAddress> macs = {kFirst, kSecond};
  datapath_->gateways().Watch(kHome, macs);
  sh_gateways value = Read();
  value.slot[0].sent = value.slot[1].heard = value.slot[1].seen = value.others = 1;
  Write(value);
  NicEvidence evidence = datapath_->gateways().Take(kHome);
  EXPECT_EQ(evidence.gateways[kFirst], (GatewayEvidence{.sent = true}));
  EXPECT_EQ(evidence.gateways[kSecond], (GatewayEvidence{.heard = true, .seen = true}));
  EXPECT_TRUE(evidence.others);
  EXPECT_FALSE(evidence.echo);
  evidence = datapath_->gateways().Take(kHome);
  EXPECT_EQ(evidence, (NicEvidence{.gateways = {{kFirst, {}}, {kSecond, {}}}}));
}

TEST_F(DatapathGatewaysTest, AnotherListBeginsWithoutMarks) {
  datapath_->gateways().Watch(kHome, std::vector{kFirst});
  sh_gateways value = Read();
  value.slot[0].heard = 1;
  Write(value);
  datapath_->gateways().Watch(kHome, std::vector{kSecond});
  EXPECT_EQ(datapath_->gateways().Take(kHome), (NicEvidence{.gateways = {{kSecond, {}}}}));
  datapath_->gateways().Watch(kHome, {});
  EXPECT_EQ(datapath_->gateways().Take(kHome), NicEvidence{});
}

TEST_F(DatapathGatewaysTest, AnIndexOutOfRangeHearsNothing) {
  for (const HomeIndex index : {HomeIndex::kNone, HomeIndex{SH_HOMES_MAX}}) {
    datapath_->gateways().Watch(index, std::vector{kFirst});
    EXPECT_EQ(datapath_->gateways().Take(index), NicEvidence{});
  }
}

TEST_F(DatapathGatewaysTest, TheFlagOfTheHomeIsReadBack) {
  DatapathState state = SmallState();
  state.homes.begin()->second.watched = true;
  ASSERT_TRUE(datapath_->ApplyState(state, {}).ok());
  const auto read = datapath_->ReadState();
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(read->homes.begin()->second.watched);
  EXPECT_FALSE(read->homes.rbegin()->second.watched);
}

}  // namespace
}  // namespace stronghost::packet
