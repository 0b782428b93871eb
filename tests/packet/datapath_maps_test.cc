// Maps: layout, states, paths, counters, events.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/datapath/address_keys.h"
#include "agent/datapath/skeleton.h"
#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DatapathMapsTest : public DatapathTest {
 protected:
  void SetUp() override {
    DatapathTest::SetUp();
    datapath_ = OpenOrDie();
    ASSERT_NE(datapath_, nullptr);
  }

  DatapathState State() const {
    const auto state = datapath_->ReadState();
    EXPECT_TRUE(state.ok()) << state.status();
    return state.value_or(DatapathState{});
  }

  // Applies and expects the maps to say just that.
  void Apply(const DatapathState& desired) {
    const auto raced = datapath_->ApplyState(desired, State());
    ASSERT_TRUE(raced.ok()) << raced.status();
    EXPECT_THAT(*raced, IsEmpty());
    EXPECT_EQ(State(), desired);
  }

  UniqueFd Map(const char* name) const { return UniqueFd(bpf_obj_get(Pin(name).c_str())); }

  std::unique_ptr<Datapath> datapath_;
};

// A member of a struct, by the object's own type information.
struct Member {
  const char* name;
  size_t offset;
};

void ExpectMembers(const btf* types, uint32_t type_id, const std::vector<Member>& expected) {
  const btf_type* type = btf__type_by_id(types, type_id);
  ASSERT_NE(type, nullptr);
  ASSERT_EQ(btf_vlen(type), expected.size());
  for (uint32_t i = 0; i < expected.size(); ++i) {
    EXPECT_STREQ(btf__name_by_offset(types, btf_members(type)[i].name_off), expected[i].name);
    EXPECT_EQ(btf_member_bit_offset(type, i), expected[i].offset * 8) << expected[i].name;
  }
}

TEST(DatapathLayoutTest, TypesOfTheObjectAgreeWithTheHeaders) {
  const std::unique_ptr<stronghost_bpf, void (*)(stronghost_bpf*)> object(stronghost_bpf__open(),
                                                                          stronghost_bpf__destroy);
  ASSERT_NE(object, nullptr);
  const btf* types = bpf_object__btf(object->obj);
  const auto expect_sizes = [&](const bpf_map* map, size_t key, size_t value) {
    EXPECT_EQ(btf__resolve_size(types, bpf_map__btf_key_type_id(map)), static_cast<int64_t>(key))
        << bpf_map__name(map);
    EXPECT_EQ(btf__resolve_size(types, bpf_map__btf_value_type_id(map)),
              static_cast<int64_t>(value))
        << bpf_map__name(map);
  };
  expect_sizes(object->maps.sh_addresses, sizeof(sh_address_key), sizeof(sh_address));
  expect_sizes(object->maps.sh_prefixes, sizeof(sh_prefix_key), sizeof(sh_address));
  expect_sizes(object->maps.sh_homes, sizeof(uint32_t), sizeof(sh_home));
  expect_sizes(object->maps.sh_nics, sizeof(uint32_t), sizeof(sh_nic));
  expect_sizes(object->maps.sh_counters, sizeof(uint32_t), sizeof(sh_counter));
  ExpectMembers(types, bpf_map__btf_value_type_id(object->maps.sh_homes),
                {{"path", offsetof(sh_home, path)},
                 {"ifindex", offsetof(sh_home, ifindex)},
                 {"linger", offsetof(sh_home, linger)},
                 {"flags", offsetof(sh_home, flags)},
                 {"group", offsetof(sh_home, group)},
                 {"next", offsetof(sh_home, next)},
                 {"mac", offsetof(sh_home, mac)},
                 {"pad", offsetof(sh_home, pad)},
                 {"conflict_ns", offsetof(sh_home, conflict_ns)},
                 {"mac_conflict_ns", offsetof(sh_home, mac_conflict_ns)},
                 {"pad2", offsetof(sh_home, pad2)}});
  ExpectMembers(types, bpf_map__btf_value_type_id(object->maps.sh_nics),
                {{"home", offsetof(sh_nic, home)},
                 {"flags", offsetof(sh_nic, flags)},
                 {"mac", offsetof(sh_nic, mac)},
                 {"pad", offsetof(sh_nic, pad)}});
  ExpectMembers(types, bpf_map__btf_key_type_id(object->maps.sh_addresses),
                {{"ip", offsetof(sh_address_key, ip)}, {"scope", offsetof(sh_address_key, scope)}});
  ExpectMembers(types, bpf_map__btf_value_type_id(object->maps.sh_addresses),
                {{"home", offsetof(sh_address, home)},
                 {"network", offsetof(sh_address, network)},
                 {"pad", offsetof(sh_address, pad)}});
  ExpectMembers(types, bpf_map__btf_key_type_id(object->maps.sh_prefixes),
                {{"length", offsetof(sh_prefix_key, length)}, {"ip", offsetof(sh_prefix_key, ip)}});
}

TEST_F(DatapathMapsTest, AStateIsInTheMapsAsTheHeadersSay) {
  Apply(SmallState());
  const HomeState wanted = SmallState().homes.at(HomeIndex{1});
  const uint32_t one = 1;
  sh_home home{};
  ASSERT_EQ(bpf_map_lookup_elem(Map("sh_homes").get(), &one, &home), 0);
  EXPECT_EQ(home.ifindex, ToInt(link()));
  EXPECT_EQ(home.path.wire, ToInt(link()));
  EXPECT_EQ(home.path.backup, ToInt(wanted.path.backup));
  EXPECT_EQ(home.linger, ToInt(wanted.linger));
  EXPECT_EQ(home.flags, SH_HOME_STAY);
  EXPECT_EQ(home.group, 1U);
  EXPECT_EQ(home.next, 2U);
  EXPECT_EQ(std::memcmp(home.mac.bytes, wanted.mac.bytes.data(), 6), 0);
  ASSERT_TRUE(NicEntry().has_value());
  EXPECT_EQ(NicEntry()->home, 1U);
  EXPECT_EQ(NicEntry()->flags, SH_NIC_VLAN_CHILDREN);
  EXPECT_EQ(std::memcmp(NicEntry()->mac.bytes, wanted.mac.bytes.data(), 6), 0);

  sh_address_key key{};
  key.ip.bytes[10] = key.ip.bytes[11] = 0xff;
  const uint8_t v4[] = {198, 51, 100, 1};
  std::memcpy(key.ip.bytes + 12, v4, sizeof(v4));
  sh_address address{};
  ASSERT_EQ(bpf_map_lookup_elem(Map("sh_addresses").get(), &key, &address), 0);
  EXPECT_EQ(address.home, 1U);
  EXPECT_EQ(address.network, 24U);

  // An IPv4 /24 is 120 bits long and is found by any address in it, as the programs ask.
  sh_prefix_key prefix{.length = 128, .ip = key.ip};
  const uint8_t in_prefix[] = {203, 0, 113, 77};
  std::memcpy(prefix.ip.bytes + 12, in_prefix, sizeof(in_prefix));
  ASSERT_EQ(bpf_map_lookup_elem(Map("sh_prefixes").get(), &prefix, &address), 0);
  EXPECT_EQ(address.home, 1U);
  prefix.ip.bytes[14] = 114;
  EXPECT_NE(bpf_map_lookup_elem(Map("sh_prefixes").get(), &prefix, &address), 0);
}

TEST_F(DatapathMapsTest, ChangesOfEveryKindEndInTheDesiredState) {
  Apply(SmallState());
  DatapathState next = SmallState();
  const HomeState second = next.homes.at(HomeIndex{2});
  // The second home goes; its addresses move or go.
  next.homes.erase(HomeIndex{2});
  next.homes.at(HomeIndex{1}).next = HomeIndex{1};
  next.homes.at(HomeIndex{1}).mac = {{2, 0, 0x5e, 0x10, 0, 9}};
  next.homes.at(HomeIndex{1}).weak = true;
  next.homes.at(HomeIndex{1}).linger = IfIndex::kNone;
  next.homes.at(HomeIndex{1}).path = {link(), IfIndex::kNone};
  next.addresses.at({IpAddress::Parse("2001:db8::2").value(), IfIndex::kNone}) = {HomeIndex{1}};
  next.addresses.at({IpAddress::Parse("198.51.100.1").value(), IfIndex::kNone}).network = 16;
  next.addresses.erase({IpAddress::Parse("fe80::1").value(), second.link});
  next.prefixes.erase({IpAddress::Parse("2001:db8:1::").value(), 64});
  next.prefixes[{IpAddress::Parse("203.0.113.0").value(), 25}] = HomeIndex{1};
  Apply(next);
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{2}), Path{});
  const uint32_t key = ToInt(second.link);
  sh_nic nic{};
  EXPECT_NE(bpf_map_lookup_elem(Map("sh_nics").get(), &key, &nic), 0) << "a NIC that is no home";
  Apply(SmallState());
  Apply({});
}

TEST_F(DatapathMapsTest, SlotThatGoesToAnotherNicTakesNothingWithIt) {
  Apply(SmallState());
  DatapathState next = SmallState();
  HomeState& home = next.homes.at(HomeIndex{2});
  home.link = IfIndex{1};
  home.name = "lo";
  home.path = {IfIndex{1}, IfIndex::kNone};
  absl::erase_if(next.addresses,
                 [](const auto& entry) { return entry.second.home == HomeIndex{2}; });
  absl::erase_if(next.prefixes, [](const auto& entry) { return entry.second == HomeIndex{2}; });
  Apply(next);
}

TEST_F(DatapathMapsTest, HostBitsOfAPrefixDoNotMatter) {
  DatapathState state = SmallState();
  state.prefixes.clear();
  state.prefixes[{IpAddress::Parse("203.0.113.99").value(), 24}] = HomeIndex{1};
  ASSERT_TRUE(datapath_->ApplyState(state, {}).ok());
  const IpPrefix network = IpPrefix::Parse("203.0.113.0/24").value();
  EXPECT_THAT(State().prefixes, ElementsAre(std::pair(network, HomeIndex{1})));
  // The same once more, from what the maps say: the only spelling must not be deleted.
  ASSERT_TRUE(datapath_->ApplyState(state, State()).ok());
  EXPECT_THAT(State().prefixes, ElementsAre(std::pair(network, HomeIndex{1})));
}

// So that the programs ask for prefixes where there are some, and only there.
TEST_F(DatapathMapsTest, SlotZeroSaysWhetherThereArePrefixes) {
  const auto globals = [this] {
    const uint32_t key = SH_HOME_NONE;
    sh_home slot{};
    EXPECT_EQ(bpf_map_lookup_elem(Map("sh_homes").get(), &key, &slot), 0);
    EXPECT_EQ(slot.ifindex, uint32_t{SH_LAYOUT_VERSION});
    return slot.flags;
  };
  DatapathState none = SmallState();
  none.prefixes.clear();
  Apply(none);
  EXPECT_EQ(globals(), 0U);
  Apply(SmallState());
  EXPECT_EQ(globals(), SH_GLOBAL_PREFIXES);
  Apply(none);
  EXPECT_EQ(globals(), 0U);
}

TEST_F(DatapathMapsTest, PathIsSwappedOnlyFromWhatWasExpected) {
  Apply(SmallState());
  const HomeIndex home{1};
  const Path first = datapath_->ReadPath(home);
  const Path second{first.backup, IfIndex::kNone};
  EXPECT_EQ(first, SmallState().homes.at(home).path);
  EXPECT_FALSE(datapath_->CompareAndSwapPath(home, second, first));
  EXPECT_EQ(datapath_->ReadPath(home), first);
  // The wire alone agrees, the backup does not.
  EXPECT_FALSE(datapath_->CompareAndSwapPath(home, {first.wire, IfIndex::kNone}, second));
  EXPECT_TRUE(datapath_->CompareAndSwapPath(home, first, second));
  EXPECT_EQ(datapath_->ReadPath(home), second);
  sh_home raw{};
  const uint32_t key = 1;
  ASSERT_EQ(bpf_map_lookup_elem(Map("sh_homes").get(), &key, &raw), 0);
  EXPECT_EQ(raw.path.wire, ToInt(second.wire)) << "the kernel sees the store";
}

TEST_F(DatapathMapsTest, IndexOutOfRangeIsNoSlot) {
  for (const HomeIndex home : {HomeIndex::kNone, HomeIndex{SH_HOMES_MAX}, HomeIndex{100000}}) {
    EXPECT_FALSE(datapath_->CompareAndSwapPath(home, {}, {link(), link()}));
    EXPECT_EQ(datapath_->ReadPath(home), Path{});
    EXPECT_FALSE(datapath_->WriteHome({.index = home, .link = link()}, WritePath::kYes).ok());
  }
  EXPECT_TRUE(State().homes.empty());
}

TEST_F(DatapathMapsTest, FlipByTheKernelIsKeptAndReported) {
  Apply(SmallState());
  const DatapathState previous = State();
  const Path before = previous.homes.at(HomeIndex{1}).path;
  const Path flipped{before.backup, IfIndex::kNone};
  // What the programs do on loss of carrier.
  ASSERT_TRUE(datapath_->CompareAndSwapPath(HomeIndex{1}, before, flipped));
  DatapathState desired = previous;
  desired.homes.at(HomeIndex{1}).path = {before.wire, IfIndex::kNone};
  desired.homes.at(HomeIndex{1}).drained = true;
  auto raced = datapath_->ApplyState(desired, previous);
  ASSERT_TRUE(raced.ok()) << raced.status();
  EXPECT_THAT(*raced, ElementsAre(HomeIndex{1}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{1}), flipped);
  EXPECT_TRUE(State().homes.at(HomeIndex{1}).drained) << "the rest is applied";
  // A flip that came to the same end is no race.
  desired.homes.at(HomeIndex{1}).path = flipped;
  raced = datapath_->ApplyState(desired, previous);
  ASSERT_TRUE(raced.ok()) << raced.status();
  EXPECT_THAT(*raced, IsEmpty());
}

TEST_F(DatapathMapsTest, HomeWrittenWithoutItsPathIsNotLive) {
  const HomeState home = SmallState().homes.at(HomeIndex{1});
  ASSERT_TRUE(datapath_->WriteHome(home, WritePath::kNo).ok());
  EXPECT_TRUE(State().homes.empty());
  ASSERT_TRUE(datapath_->CompareAndSwapPath(home.index, {}, home.path));
  EXPECT_EQ(State().homes.at(home.index), home);
  ASSERT_TRUE(datapath_->ApplyState({}, State()).ok());
  EXPECT_TRUE(State().homes.empty());
  EXPECT_FALSE(NicEntry().has_value());
}

// Plays the programs: looks an address up, then its home, while states come and go.
TEST_F(DatapathMapsTest, NoAddressEverLeadsToAnEmptySlot) {
  constexpr uint32_t kAddresses = 4000;
  constexpr int kRounds = 40;
  DatapathState full = SmallState();
  for (uint32_t i = 0; i < kAddresses; ++i) {
    full.addresses[{IpAddress::V4(htonl(0xcb007100U + i)), IfIndex::kNone}] = {HomeIndex{2}};
  }
  const UniqueFd addresses = Map("sh_addresses");
  const UniqueFd homes = Map("sh_homes");
  std::atomic<int> round = 0;
  std::atomic<int> looked = 0;
  int wrong = 0;
  std::thread reader([&] {
    const sh_address_key key = ToKey(AddressKey{IpAddress::V4(htonl(0xcb007100U)), {}});
    sh_address address{};
    sh_home home{};
    while (round < kRounds) {
      // A finding counts only within one round: between two, the address may have gone and come.
      const int before = round;
      const bool there = bpf_map_lookup_elem(addresses.get(), &key, &address) == 0;
      const bool empty = there && bpf_map_lookup_elem(homes.get(), &address.home, &home) == 0 &&
                         home.path.wire == 0;
      const bool still_there = bpf_map_lookup_elem(addresses.get(), &key, &address) == 0;
      looked += there ? 1 : 0;
      wrong += empty && still_there && before == round ? 1 : 0;
    }
  });
  for (; round < kRounds; ++round) {
    const bool fill = round % 2 == 0;
    const auto raced = fill ? datapath_->ApplyState(full, {}) : datapath_->ApplyState({}, full);
    EXPECT_TRUE(raced.ok()) << raced.status();
  }
  reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(looked, 0);
}

TEST_F(DatapathMapsTest, AHundredThousandAddressesComeAndGo) {
  constexpr uint32_t kCount = 100000;
  DatapathState many = SmallState();
  many.addresses.clear();
  for (uint32_t i = 0; i < kCount; ++i) {
    std::array<uint8_t, 16> bytes = {0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(bytes.data() + 12, &i, sizeof(i));
    many.addresses[{IpAddress::FromBytes16(bytes.data()), IfIndex::kNone}] = {HomeIndex{1}};
  }
  const absl::Time start = absl::Now();
  Apply(many);
  const absl::Time put = absl::Now();
  EXPECT_EQ(State().addresses.size(), kCount);
  // One of those that go is gone already.
  DatapathState previous = many;
  previous.addresses[{*IpAddress::Parse("2001:db8:ffff::"), IfIndex::kNone}] = {HomeIndex{1}};
  many.addresses.clear();
  const absl::Time removal = absl::Now();
  ASSERT_TRUE(datapath_->ApplyState(many, previous).ok());
  std::cout << kCount << " addresses: put " << put - start << ", removed " << absl::Now() - removal
            << "\n";
  EXPECT_TRUE(State().addresses.empty());
}

TEST_F(DatapathMapsTest, FullMapIsAnErrorThatSaysSo) {
  DatapathState state = SmallState();
  state.prefixes.clear();
  for (uint32_t i = 0; i < SH_PREFIXES_MAX + 1; ++i) {
    std::array<uint8_t, 16> bytes = {0x20, 0x01, 0x0d, 0xb8};
    std::memcpy(bytes.data() + 4, &i, sizeof(i));
    state.prefixes[{IpAddress::FromBytes16(bytes.data()), 64}] = HomeIndex{1};
  }
  const absl::Status status = datapath_->ApplyState(state, {}).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("put element 4097 of 4097 into sh_prefixes (the map is full)"));
  EXPECT_EQ(State().prefixes.size(), size_t{SH_PREFIXES_MAX});
  // What fits is applied from what is there.
  state.prefixes.erase(std::prev(state.prefixes.end()));
  state.prefixes.erase(state.prefixes.begin());
  ASSERT_TRUE(datapath_->ApplyState(state, State()).ok());
  EXPECT_EQ(State().prefixes, state.prefixes);
}

TEST_F(DatapathMapsTest, CountersAreSummedOverCpusAndStartAtZero) {
  const UniqueFd map = Map("sh_counters");
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  const std::vector<sh_counter> values(cpus, sh_counter{.packets = 2, .bytes = 300});
  const auto count = [&](uint32_t home, sh_verdict verdict) {
    const uint32_t key = SH_COUNTER_KEY(home, static_cast<uint32_t>(verdict));
    ASSERT_EQ(bpf_map_update_elem(map.get(), &key, values.data(), BPF_ANY), 0);
  };
  count(1, SH_IN_FOREIGN);
  Apply(SmallState());
  EXPECT_EQ(datapath_->ReadCounters()->at(HomeIndex{1}), VerdictCounters{})
      << "what an earlier NIC of the slot counted";
  count(0, SH_NOT_MANAGED);
  count(2, SH_OUT_STAND_IN);
  const auto counters = datapath_->ReadCounters();
  ASSERT_TRUE(counters.ok()) << counters.status();
  ASSERT_EQ(counters->size(), 3U);
  const Counter expected{2 * cpus, 300 * cpus};
  EXPECT_EQ(counters->at(HomeIndex::kNone)[SH_NOT_MANAGED], expected);
  EXPECT_EQ(counters->at(HomeIndex{2})[SH_OUT_STAND_IN], expected);
  EXPECT_EQ(counters->at(HomeIndex{2})[SH_OUT_PASS], Counter{});
  EXPECT_STREQ(VerdictName(SH_OUT_STAND_IN), "out_stand_in");
  EXPECT_STREQ(VerdictName(SH_NOT_MANAGED), "not_managed");
  EXPECT_STREQ(VerdictName(SH_VERDICT_COUNT), "?");
}

// Writes one event as the programs do: a program of our own, run once by the kernel.
void WriteEvent(int events_fd, uint32_t type, uint32_t home) {
  constexpr int16_t kStart = -static_cast<int16_t>(sizeof(sh_event));
  std::vector<bpf_insn> code;
  for (int16_t at = kStart; at < 0; at = static_cast<int16_t>(at + 8)) {
    code.push_back({.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = at});
  }
  const auto store = [&](size_t offset, uint32_t value) {
    code.push_back({.code = BPF_ST | BPF_MEM | BPF_W,
                    .dst_reg = BPF_REG_10,
                    .off = static_cast<int16_t>(kStart + static_cast<int16_t>(offset)),
                    .imm = static_cast<int32_t>(value)});
  };
  store(offsetof(sh_event, type), type);
  store(offsetof(sh_event, home), home);
  code.push_back({.code = BPF_LD | BPF_IMM | BPF_DW,
                  .dst_reg = BPF_REG_1,
                  .src_reg = BPF_PSEUDO_MAP_FD,
                  .imm = events_fd});
  code.push_back({});
  code.push_back(
      {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_10});
  code.push_back({.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = kStart});
  code.push_back(
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = sizeof(sh_event)});
  code.push_back({.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4, .imm = 0});
  code.push_back({.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output});
  code.push_back({.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0});
  code.push_back({.code = BPF_JMP | BPF_EXIT});
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "write_event", "GPL", code.data(),
                                       code.size(), nullptr));
  ASSERT_TRUE(program.valid());
  std::array<uint8_t, 64> frame{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = frame.size();
  ASSERT_EQ(bpf_prog_test_run_opts(program.get(), &options), 0);
}

TEST_F(DatapathMapsTest, EventsArriveInOrderAndWakeTheLoop) {
  pollfd ready{.fd = datapath_->events_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  const UniqueFd ring = Map("sh_events");
  WriteEvent(ring.get(), SH_EVENT_FLIP, 7);
  WriteEvent(ring.get(), SH_EVENT_CONFLICT, 8);
  EXPECT_EQ(poll(&ready, 1, 0), 1);
  // A restart in between does not lose them.
  datapath_.reset();
  datapath_ = OpenOrDie();
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  const auto note = [&](const sh_event& event) { seen.emplace_back(event.type, event.home); };
  ASSERT_TRUE(datapath_->ConsumeEvents(note).ok());
  EXPECT_THAT(seen, ElementsAre(std::pair(SH_EVENT_FLIP, 7U), std::pair(SH_EVENT_CONFLICT, 8U)));
  ASSERT_TRUE(datapath_->ConsumeEvents(note).ok());
  EXPECT_EQ(seen.size(), 2U);
  ready.fd = datapath_->events_fd();
  EXPECT_EQ(poll(&ready, 1, 0), 0);
}

}  // namespace
}  // namespace stronghost::packet
