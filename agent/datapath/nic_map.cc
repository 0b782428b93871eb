#include "agent/datapath/nic_map.h"

#include <algorithm>
#include <cstring>

#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr uint32_t kGuardFlags = SH_NIC_XDP_NATIVE | SH_NIC_XDP_GENERIC;

uint32_t GuardFlag(XdpKind kind) {
  switch (kind) {
    case XdpKind::kOff:
      return 0;
    case XdpKind::kNative:
      return SH_NIC_XDP_NATIVE;
    case XdpKind::kGeneric:
      return SH_NIC_XDP_GENERIC;
  }
  return 0;
}

XdpKind GuardOf(const sh_nic& nic) {
  if ((nic.flags & SH_NIC_XDP_NATIVE) != 0) {
    return XdpKind::kNative;
  }
  return (nic.flags & SH_NIC_XDP_GENERIC) != 0 ? XdpKind::kGeneric : XdpKind::kOff;
}

}  // namespace

absl::StatusOr<NicMap> NicMap::Load(int map_fd) {
  NicMap nics(map_fd);
  ASSIGN_OR_RETURN(const auto entries, nics.ReadAll());
  for (const auto& [link, nic] : entries) {
    nics.guards_[link] = GuardOf(nic);
  }
  return nics;
}

sh_nic NicMap::EntryOf(const HomeState& home) const {
  sh_nic nic{};
  nic.home = ToInt(home.index);
  nic.flags = (home.carrier ? 0 : SH_NIC_NO_CARRIER) | (home.drained ? SH_NIC_DRAINED : 0) |
              (home.vlan_children ? SH_NIC_VLAN_CHILDREN : 0) | GuardFlag(Guard(home.link));
  std::copy(home.mac.bytes.begin(), home.mac.bytes.end(), nic.mac.bytes);
  return nic;
}

absl::Status NicMap::Put(const HomeState& home) const {
  return map_.Put({ToInt(home.link)}, {EntryOf(home)});
}

absl::Status NicMap::PutChanged(const absl::btree_map<HomeIndex, HomeState>& homes) const {
  ASSIGN_OR_RETURN(const auto entries, ReadAll());
  for (const auto& [index, home] : homes) {
    const sh_nic wanted = EntryOf(home);
    const auto entry = entries.find(home.link);
    if (entry == entries.end() || std::memcmp(&entry->second, &wanted, sizeof(wanted)) != 0) {
      RETURN_IF_ERROR(Annotate(Put(home), home.name));
    }
  }
  return absl::OkStatus();
}

absl::Status NicMap::DeleteOthers(const absl::btree_map<HomeIndex, HomeState>& homes) const {
  ASSIGN_OR_RETURN(auto others, ReadAll());
  for (const auto& [index, home] : homes) {
    others.erase(home.link);
  }
  std::vector<IfIndex> links;
  for (const auto& [link, nic] : others) {
    links.push_back(link);
  }
  return Delete(links);
}

absl::Status NicMap::Delete(const std::vector<IfIndex>& links) const {
  std::vector<uint32_t> keys;
  keys.reserve(links.size());
  for (const IfIndex link : links) {
    keys.push_back(ToInt(link));
  }
  return map_.Delete(keys);
}

absl::Status NicMap::SetGuard(IfIndex link, XdpKind kind) {
  guards_[link] = kind;
  ASSIGN_OR_RETURN(auto entries, ReadAll());
  const auto entry = entries.find(link);
  if (entry == entries.end()) {
    return absl::OkStatus();
  }
  sh_nic nic = entry->second;
  nic.flags = (nic.flags & ~kGuardFlags) | GuardFlag(kind);
  return map_.Put({ToInt(link)}, {nic});
}

XdpKind NicMap::Guard(IfIndex link) const {
  const auto guard = guards_.find(link);
  return guard == guards_.end() ? XdpKind::kOff : guard->second;
}

absl::StatusOr<absl::btree_map<IfIndex, sh_nic>> NicMap::ReadAll() const {
  ASSIGN_OR_RETURN(const auto elements, map_.ReadAll());
  absl::btree_map<IfIndex, sh_nic> nics;
  for (const auto& [link, nic] : elements) {
    nics[IfIndex{link}] = nic;
  }
  return nics;
}

}  // namespace stronghost
