#include "tests/packet/datapath_fixture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/datapath/program_info.h"

namespace stronghost::packet {
namespace {

template <typename Info>
Info InfoOf(int fd) {
  Info info{};
  uint32_t length = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
  return info;
}

OnHook DescribeLink(int link_fd) {
  const auto link = InfoOf<bpf_link_info>(link_fd);
  const UniqueFd program(bpf_prog_get_fd_by_id(link.prog_id));
  return {link.id, link.prog_id, program.valid() ? InfoOf<bpf_prog_info>(program.get()).name : ""};
}

}  // namespace

UniqueFd StrangersProgram(bool xdp) {
  const int verdict = xdp ? XDP_PASS : -1;  // -1: TCX_NEXT
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict},
      {.code = BPF_JMP | BPF_EXIT},
  };
  UniqueFd fd(bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "stranger", "GPL",
                            code, std::size(code), nullptr));
  EXPECT_TRUE(fd.valid()) << "load a program: run as root";
  return fd;
}

uint32_t IdOf(int program_fd) {
  return InfoOf<bpf_prog_info>(program_fd).id;
}

void DatapathTest::SetUp() {
  auto netns = lab::NetNs::Create("datapath");
  ASSERT_TRUE(netns.ok()) << netns.status();
  netns_.emplace(*std::move(netns));
  ASSERT_TRUE(netns_
                  ->IpBatch("link add h0 type veth peer name h1\nlink set h0 up\n"
                            "link set h1 up\n")
                  .ok());
  auto inside = lab::NetNsScope::Enter(netns_->fd());
  ASSERT_TRUE(inside.ok()) << inside.status();
  inside_.emplace(*std::move(inside));
  auto pins = lab::PinFolder::Create("datapath", /*make=*/false);
  ASSERT_TRUE(pins.ok()) << pins.status();
  pins_.emplace(*std::move(pins));
  link_ = IfIndex{static_cast<uint32_t>(netns_->IfIndex("h0").value_or(0))};
  ASSERT_NE(link_, IfIndex::kNone);
}

absl::StatusOr<std::unique_ptr<Datapath>> DatapathTest::Open(TcMode tc) const {
  return Datapath::Open({.pin_dir = pin_dir(), .tc = tc});
}

std::unique_ptr<Datapath> DatapathTest::OpenOrDie(TcMode tc) const {
  auto datapath = Open(tc);
  EXPECT_TRUE(datapath.ok()) << datapath.status();
  return datapath.ok() ? *std::move(datapath) : nullptr;
}

std::string DatapathTest::Pin(const std::string& name) const {
  return absl::StrCat(pin_dir(), "/", name);
}

uint32_t DatapathTest::PinnedMapId(const std::string& name) const {
  const UniqueFd map(bpf_obj_get(Pin(name).c_str()));
  return MapId(map.get()).value_or(0);
}

bool DatapathTest::HasMapsBefore() const {
  const auto pins = std::filesystem::directory_iterator(pins_->path());
  return std::any_of(begin(pins), end(pins), [](const auto& pin) {
    return absl::StartsWith(pin.path().filename().string(), kHomesBefore);
  });
}

void DatapathTest::StampOtherLayout() const {
  const UniqueFd homes(bpf_obj_get(Pin("sh_homes").c_str()));
  const uint32_t zero = 0;
  sh_home slot{};
  ASSERT_EQ(bpf_map_lookup_elem(homes.get(), &zero, &slot), 0);
  ASSERT_EQ(slot.ifindex, uint32_t{SH_LAYOUT_VERSION});
  slot.ifindex = SH_LAYOUT_VERSION + 1;
  ASSERT_EQ(bpf_map_update_elem(homes.get(), &zero, &slot, BPF_ANY), 0);
}

bool DatapathTest::PinFolderExists() const {
  return access(pin_dir().c_str(), F_OK) == 0;
}

NicRequest DatapathTest::Nic(XdpMode xdp) const {
  return {.link = link_, .name = "h0", .xdp = xdp};
}

std::string DatapathTest::Run(const std::vector<std::string>& argv) const {
  auto output = netns_->Check(argv);
  EXPECT_TRUE(output.ok()) << output.status();
  return output.value_or("");
}

std::vector<TcMode> DatapathTest::TcModes() {
  return TcxSupported() ? std::vector{TcMode::kTcx, TcMode::kClsact} : std::vector{TcMode::kClsact};
}

std::vector<uint32_t> DatapathTest::TcxPrograms(int attach_type) const {
  if (!TcxSupported()) {
    return {};
  }
  std::array<uint32_t, 64> ids{};
  uint32_t count = ids.size();
  EXPECT_EQ(bpf_prog_query(ifindex(), static_cast<bpf_attach_type>(attach_type), 0, nullptr,
                           ids.data(), &count),
            0);
  return {ids.begin(), ids.begin() + count};
}

uint32_t DatapathTest::XdpProgram(XdpKind kind) const {
  uint32_t id = 0;
  EXPECT_EQ(bpf_xdp_query_id(ifindex(),
                             static_cast<int>(kind == XdpKind::kNative ? XDP_FLAGS_DRV_MODE
                                                                       : XDP_FLAGS_SKB_MODE),
                             &id),
            0);
  return id;
}

std::optional<OnHook> DatapathTest::PinnedLink(const std::string& suffix) const {
  const UniqueFd fd(bpf_obj_get(Pin(absl::StrCat("links/", ToInt(link_), "-", suffix)).c_str()));
  if (!fd.valid()) {
    return std::nullopt;
  }
  return DescribeLink(fd.get());
}

std::vector<uint32_t> DatapathTest::ClsactPrograms(const std::string& direction) const {
  std::vector<uint32_t> ids;
  const auto filters = nlohmann::json::parse(
      Run({"tc", "-j", "filter", "show", "dev", "h0", direction}), nullptr, false);
  for (const auto& filter : filters) {
    if (filter.contains("options") && filter["options"].contains("prog")) {
      ids.push_back(filter["options"]["prog"]["id"].get<uint32_t>());
    }
  }
  return ids;
}

std::string DatapathTest::Qdiscs() const {
  return Run({"tc", "qdisc", "show", "dev", "h0"});
}

std::optional<sh_nic> DatapathTest::NicEntry() const {
  const UniqueFd map(bpf_obj_get(Pin("sh_nics").c_str()));
  const uint32_t key = ToInt(link_);
  sh_nic nic{};
  if (bpf_map_lookup_elem(map.get(), &key, &nic) != 0) {
    return std::nullopt;
  }
  return nic;
}

DatapathState DatapathTest::SmallState() const {
  const auto ip = [](const char* text) { return IpAddress::Parse(text).value(); };
  const IfIndex peer{static_cast<uint32_t>(netns_->IfIndex("h1").value_or(0))};
  DatapathState state;
  state.homes[HomeIndex{1}] = {.index = HomeIndex{1},
                               .link = link_,
                               .name = "h0",
                               .mac = {{2, 0, 0x5e, 0x10, 0, 1}},
                               .group = 1,
                               .next = HomeIndex{2},
                               .stay = true,
                               .path = {link_, peer},
                               .linger = peer,
                               .carrier = true,
                               .vlan_children = true};
  state.homes[HomeIndex{2}] = {.index = HomeIndex{2},
                               .link = peer,
                               .name = "h1",
                               .mac = {{2, 0, 0x5e, 0x10, 0, 2}},
                               .group = 1,
                               .next = HomeIndex{1},
                               .weak = true,
                               .path = {link_, IfIndex::kNone},
                               .drained = true};
  state.addresses[{ip("198.51.100.1"), IfIndex::kNone}] = {HomeIndex{1}, 24};
  state.addresses[{ip("2001:db8::2"), IfIndex::kNone}] = {HomeIndex{2}};
  state.addresses[{ip("fe80::1"), link_}] = {HomeIndex{1}};
  state.addresses[{ip("fe80::1"), peer}] = {HomeIndex{2}};
  state.prefixes[{ip("203.0.113.0"), 24}] = HomeIndex{1};
  state.prefixes[{ip("2001:db8:1::"), 64}] = HomeIndex{2};
  return state;
}

}  // namespace stronghost::packet
