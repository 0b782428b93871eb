#include "agent/datapath/home_slots.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

static_assert(offsetof(sh_home, path) == 0 && alignof(sh_home) == 8);
static_assert(offsetof(sh_home, mac) % 4 == 0);

uint64_t Pack(Path path) {
  return std::bit_cast<uint64_t>(sh_path{.wire = ToInt(path.wire), .backup = ToInt(path.backup)});
}

Path Unpack(uint64_t word) {
  const auto path = std::bit_cast<sh_path>(word);
  return {IfIndex{path.wire}, IfIndex{path.backup}};
}

// sh_path has the alignment and size of the word; may_alias says that they are the same memory.
using PathWord __attribute__((may_alias)) = uint64_t;

PathWord* WordOf(sh_home* slot) {
  return reinterpret_cast<PathWord*>(&slot->path);
}

void Store(uint32_t* field, uint32_t value) {
  __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

uint32_t Load(const uint32_t* field) {
  return __atomic_load_n(field, __ATOMIC_RELAXED);
}

void StoreMac(sh_mac* field, const MacAddress& mac) {
  using Head __attribute__((may_alias)) = uint32_t;
  using Tail __attribute__((may_alias)) = uint16_t;
  uint32_t head = 0;
  uint16_t tail = 0;
  std::memcpy(&head, mac.bytes.data(), sizeof(head));
  std::memcpy(&tail, mac.bytes.data() + sizeof(head), sizeof(tail));
  // The struct is only byte-aligned to the compiler, but 4-aligned where it stands.
  auto* place = reinterpret_cast<std::byte*>(field);
  __atomic_store_n(static_cast<Head*>(static_cast<void*>(place)), head, __ATOMIC_RELAXED);
  __atomic_store_n(static_cast<Tail*>(static_cast<void*>(place + sizeof(head))), tail,
                   __ATOMIC_RELAXED);
}

uint32_t FlagsOf(const HomeState& home) {
  return (home.stay ? SH_HOME_STAY : 0) | (home.weak ? SH_HOME_WEAK : 0) |
         (home.alias ? SH_HOME_ALIAS : 0) | (home.watched ? SH_HOME_WATCHED : 0);
}

}  // namespace

absl::StatusOr<HomeSlots> HomeSlots::Map(int map_fd) {
  ASSIGN_OR_RETURN(auto homes, MappedArray<sh_home>::Map(map_fd, "sh_homes"));
  return HomeSlots(std::move(homes));
}

void HomeSlots::StampLayoutVersion() {
  Store(&homes_.Globals().ifindex, SH_LAYOUT_VERSION);
}

void HomeSlots::SetGlobal(uint32_t flag, bool on) {
  uint32_t* flags = &homes_.Globals().flags;
  Store(flags, on ? *flags | flag : *flags & ~flag);
}

void HomeSlots::SetPrefixesInUse(bool in_use) {
  SetGlobal(SH_GLOBAL_PREFIXES, in_use);
}

void HomeSlots::SetSourcesInUse(bool in_use) {
  SetGlobal(SH_GLOBAL_SOURCES, in_use);
}

Path HomeSlots::ReadPath(HomeIndex index) const {
  sh_home* slot = Slot(index);
  return slot == nullptr ? Path{} : Unpack(__atomic_load_n(WordOf(slot), __ATOMIC_ACQUIRE));
}

bool HomeSlots::CompareAndSwapPath(HomeIndex index, Path expected, Path desired) {
  sh_home* slot = Slot(index);
  uint64_t old = Pack(expected);
  return slot != nullptr &&
         __atomic_compare_exchange_n(WordOf(slot), &old, Pack(desired), /*weak=*/false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void HomeSlots::StorePath(HomeIndex index, Path path) {
  if (sh_home* slot = Slot(index); slot != nullptr) {
    __atomic_store_n(WordOf(slot), Pack(path), __ATOMIC_RELEASE);
  }
}

absl::Status HomeSlots::Write(const HomeState& home, WritePath path) {
  sh_home* slot = Slot(home.index);
  if (slot == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("home index ", ToInt(home.index), " of ",
                                                   home.name, " is outside of 1 to ",
                                                   SH_HOMES_MAX - 1));
  }
  if (const uint32_t before = Load(&slot->ifindex); before != 0 && before != ToInt(home.link)) {
    Clear(home.index);
  }
  StoreMac(&slot->mac, home.mac);
  Store(&slot->linger, ToInt(home.linger));
  Store(&slot->flags, FlagsOf(home));
  Store(&slot->group, home.group);
  Store(&slot->next, ToInt(home.next));
  Store(&slot->ifindex, ToInt(home.link));
  if (path == WritePath::kYes) {
    StorePath(home.index, home.path);
  }
  return absl::OkStatus();
}

void HomeSlots::Clear(HomeIndex index) {
  sh_home* slot = Slot(index);
  if (slot == nullptr) {
    return;
  }
  StorePath(index, {});
  __atomic_thread_fence(__ATOMIC_SEQ_CST);  // nobody sees a new field under the old path
  Store(&slot->ifindex, 0);
  Store(&slot->linger, 0);
  Store(&slot->flags, 0);
  Store(&slot->group, 0);
  Store(&slot->next, 0);
  StoreMac(&slot->mac, {});
  __atomic_store_n(&slot->conflict_ns, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&slot->mac_conflict_ns, 0, __ATOMIC_RELAXED);
}

std::optional<HomeState> HomeSlots::Read(HomeIndex index) const {
  const sh_home* slot = Slot(index);
  const Path path = ReadPath(index);
  if (slot == nullptr || path.wire == IfIndex::kNone) {
    return std::nullopt;
  }
  HomeState home;
  home.index = index;
  home.link = IfIndex{Load(&slot->ifindex)};
  std::memcpy(home.mac.bytes.data(), slot->mac.bytes, home.mac.bytes.size());
  home.group = Load(&slot->group);
  home.next = HomeIndex{Load(&slot->next)};
  home.stay = (Load(&slot->flags) & SH_HOME_STAY) != 0;
  home.weak = (Load(&slot->flags) & SH_HOME_WEAK) != 0;
  home.alias = (Load(&slot->flags) & SH_HOME_ALIAS) != 0;
  home.watched = (Load(&slot->flags) & SH_HOME_WATCHED) != 0;
  home.path = path;
  home.linger = IfIndex{Load(&slot->linger)};
  return home;
}

bool HomeSlots::InUse(HomeIndex index) const {
  const sh_home* slot = Slot(index);
  return slot != nullptr && (Load(&slot->ifindex) != 0 || ReadPath(index).wire != IfIndex::kNone);
}

}  // namespace stronghost
