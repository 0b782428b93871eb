#include "agent/datapath/state_maps.h"

#include <net/if.h>

#include <array>

#include "agent/base/status.h"
#include "agent/datapath/address_keys.h"
#include "agent/datapath/counters.h"

namespace stronghost {
namespace {

std::string NameOf(IfIndex link) {
  std::array<char, IF_NAMESIZE> name{};
  return if_indextoname(ToInt(link), name.data()) == nullptr ? "" : name.data();
}

// Puts what `to` has and `from` has not, or otherwise.
template <typename Key, typename Value, typename MapKey>
absl::Status PutAdded(const TypedMap<MapKey, sh_address>& map,
                      const absl::btree_map<Key, Value>& to,
                      const absl::btree_map<Key, Value>& from) {
  std::vector<MapKey> keys;
  std::vector<sh_address> values;
  for (const auto& [key, value] : to) {
    const auto old = from.find(key);
    if (old == from.end() || old->second != value) {
      keys.push_back(ToKey(key));
      values.push_back(ToValue(value));
    }
  }
  return map.Put(keys, values);
}

// Deletes what `from` has and `to` has not.
template <typename Key, typename Value, typename MapKey>
absl::Status DeleteRemoved(const TypedMap<MapKey, sh_address>& map,
                           const absl::btree_map<Key, Value>& to,
                           const absl::btree_map<Key, Value>& from) {
  std::vector<MapKey> keys;
  for (const auto& [key, value] : from) {
    if (!to.contains(key)) {
      keys.push_back(ToKey(key));
    }
  }
  return map.Delete(keys);
}

// Prefixes by their networks: two spellings of one network are one key in the map.
DatapathState Normalized(const DatapathState& state) {
  DatapathState normal = state;
  normal.prefixes.clear();
  for (const auto& [prefix, home] : state.prefixes) {
    normal.prefixes[prefix.Network()] = home;
  }
  return normal;
}

// `previous` without the slots that `desired` gives to another NIC, and what points to them.
DatapathState WithoutReusedSlots(const DatapathState& previous, const DatapathState& desired) {
  DatapathState kept = previous;
  const auto reused = [&](HomeIndex index) {
    const auto before = previous.homes.find(index);
    const auto after = desired.homes.find(index);
    return before != previous.homes.end() && after != desired.homes.end() &&
           before->second.link != after->second.link;
  };
  absl::erase_if(kept.addresses, [&](const auto& entry) { return reused(entry.second.home); });
  absl::erase_if(kept.prefixes, [&](const auto& entry) { return reused(entry.second); });
  absl::erase_if(kept.homes, [&](const auto& entry) { return reused(entry.first); });
  return kept;
}

absl::Status Remove(StateMaps* maps, const DatapathState& to, const DatapathState& from) {
  RETURN_IF_ERROR(DeleteRemoved(maps->addresses, to.addresses, from.addresses));
  RETURN_IF_ERROR(DeleteRemoved(maps->prefixes, to.prefixes, from.prefixes));
  RETURN_IF_ERROR(maps->nics.DeleteOthers(to.homes));
  for (uint32_t slot = 1; slot < SH_HOMES_MAX; ++slot) {
    const HomeIndex index{slot};
    if (!to.homes.contains(index) && maps->homes.InUse(index)) {
      maps->homes.Clear(index);
    }
  }
  return absl::OkStatus();
}

absl::Status PutHomes(StateMaps* maps, const DatapathState& desired, const DatapathState& kept,
                      std::vector<HomeIndex>* raced) {
  // New ones first: the rings of the others are about to lead to them.
  for (const auto& [index, home] : desired.homes) {
    if (!kept.homes.contains(index)) {
      RETURN_IF_ERROR(ResetCounters(maps->counters_fd, index));
      RETURN_IF_ERROR(maps->homes.Write(home, WritePath::kYes));
    }
  }
  for (const auto& [index, home] : desired.homes) {
    const auto old = kept.homes.find(index);
    if (old == kept.homes.end() || old->second == home) {
      continue;
    }
    RETURN_IF_ERROR(maps->homes.Write(home, WritePath::kNo));
    if (old->second.path != home.path &&
        !maps->homes.CompareAndSwapPath(index, old->second.path, home.path) &&
        maps->homes.ReadPath(index) != home.path) {
      raced->push_back(index);
    }
  }
  return maps->nics.PutChanged(desired.homes);
}

}  // namespace

absl::StatusOr<StateMaps> StateMaps::Open(const MapFds& fds) {
  ASSIGN_OR_RETURN(HomeSlots homes, HomeSlots::Map(fds.homes));
  ASSIGN_OR_RETURN(GatewaySlots gateways, GatewaySlots::Map(fds.gateways));
  ASSIGN_OR_RETURN(NicMap nics, NicMap::Load(fds.nics));
  return StateMaps{.homes = std::move(homes),
                   .gateways = std::move(gateways),
                   .addresses = {fds.addresses, "sh_addresses"},
                   .prefixes = {fds.prefixes, "sh_prefixes"},
                   .nics = std::move(nics),
                   .counters_fd = fds.counters};
}

absl::StatusOr<DatapathState> ReadState(const StateMaps& maps) {
  DatapathState state;
  ASSIGN_OR_RETURN(const auto nics, maps.nics.ReadAll());
  for (uint32_t slot = 1; slot < SH_HOMES_MAX; ++slot) {
    std::optional<HomeState> home = maps.homes.Read(HomeIndex{slot});
    if (!home.has_value()) {
      continue;
    }
    home->name = NameOf(home->link);
    if (const auto nic = nics.find(home->link); nic != nics.end()) {
      home->carrier = (nic->second.flags & SH_NIC_NO_CARRIER) == 0;
      home->drained = (nic->second.flags & SH_NIC_DRAINED) != 0;
      home->vlan_children = (nic->second.flags & SH_NIC_VLAN_CHILDREN) != 0;
    }
    const HomeIndex index = home->index;
    state.homes.emplace(index, *std::move(home));
  }
  ASSIGN_OR_RETURN(const auto addresses, maps.addresses.ReadAll());
  for (const auto& [key, value] : addresses) {
    state.addresses.emplace(FromKey(key), FromValue(value));
  }
  ASSIGN_OR_RETURN(const auto prefixes, maps.prefixes.ReadAll());
  for (const auto& [key, value] : prefixes) {
    state.prefixes.emplace(FromKey(key), HomeIndex{value.home});
  }
  return state;
}

absl::StatusOr<std::vector<HomeIndex>> ApplyState(StateMaps* maps, const DatapathState& desired,
                                                  const DatapathState& previous) {
  const DatapathState to = Normalized(desired);
  const DatapathState from = Normalized(previous);
  const DatapathState kept = WithoutReusedSlots(from, to);
  if (kept.homes.size() != from.homes.size()) {
    RETURN_IF_ERROR(Remove(maps, kept, from));
  }
  std::vector<HomeIndex> raced;
  RETURN_IF_ERROR(PutHomes(maps, to, kept, &raced));
  RETURN_IF_ERROR(PutAdded(maps->addresses, to.addresses, kept.addresses));
  RETURN_IF_ERROR(PutAdded(maps->prefixes, to.prefixes, kept.prefixes));
  maps->homes.SetPrefixesInUse(!to.prefixes.empty());
  RETURN_IF_ERROR(Remove(maps, to, kept));
  return raced;
}

}  // namespace stronghost
