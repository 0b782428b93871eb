#include "agent/datapath/source_maps.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/address_keys.h"

namespace stronghost {
namespace {

static_assert(kSourceSlots == SH_SOURCE_SLOTS);

sh_source_table ToTable(const SourceSlots& slots) {
  sh_source_table table{};
  std::transform(slots.begin(), slots.end(), table.slots, ToIp);
  return table;
}

bool SameIp(const sh_ip& a, const sh_ip& b) {
  return std::equal(std::begin(a.bytes), std::end(a.bytes), std::begin(b.bytes));
}

}  // namespace

SourceMaps::SourceMaps(const MapFds& fds)
    : routes_map_(fds.source_routes, "sh_source_routes"),
      tables_map_(fds.source_tables, "sh_source_tables"),
      marks_map_(fds.reply_marks, "sh_reply_marks") {}

absl::Status SourceMaps::Read() {
  routes_.clear();
  tables_.clear();
  ASSIGN_OR_RETURN(const auto routes, routes_map_.ReadAll());
  for (const auto& [key, route] : routes) {
    routes_[FromKey(key)] = route.table;
  }
  ASSIGN_OR_RETURN(const auto tables, tables_map_.ReadAll());
  for (const auto& [number, table] : tables) {
    tables_[number] = {};
  }
  known_ = true;
  return absl::OkStatus();
}

absl::Status SourceMaps::SetSources(const SourceState& desired) {
  if (desired.routes.size() > SH_SOURCE_ROUTES_MAX) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "table main has routes to ", desired.routes.size(), " destinations, and no more than ",
        SH_SOURCE_ROUTES_MAX,
        " can be told apart: sources are left as they were; join some routes, or set choose = "
        "\"routing\""));
  }
  if (!known_) {
    RETURN_IF_ERROR(Read());
  }
  const absl::Status status = WriteSources(desired);
  known_ = status.ok();
  return status;
}

absl::Status SourceMaps::WriteSources(const SourceState& desired) {
  absl::btree_map<SourceSlots, uint32_t> numbers;
  for (const auto& [number, slots] : tables_) {
    numbers.emplace(slots, number);
  }
  numbers[{}] = SH_SOURCE_ROUTING;
  absl::btree_map<IpPrefix, uint32_t> routes;
  absl::btree_map<uint32_t, SourceSlots> tables;
  std::vector<uint32_t> new_numbers;
  std::vector<sh_source_table> new_tables;
  std::vector<sh_prefix_key> changed;
  std::vector<sh_source_route> values;
  uint32_t next = SH_SOURCE_ROUTING + 1;
  for (const auto& [destination, slots] : desired.routes) {
    const auto [it, added] = numbers.try_emplace(slots, 0);
    if (added) {
      while (tables_.contains(next)) {
        ++next;
      }
      it->second = next++;
      new_numbers.push_back(it->second);
      new_tables.push_back(ToTable(slots));
    }
    const IpPrefix network = destination.Network();
    routes[network] = it->second;
    if (it->second != SH_SOURCE_ROUTING) {
      tables[it->second] = slots;
    }
    if (const auto old = routes_.find(network); old == routes_.end() || old->second != it->second) {
      changed.push_back(ToKey(network));
      values.push_back({.table = it->second});
    }
  }
  RETURN_IF_ERROR(tables_map_.Put(new_numbers, new_tables));
  RETURN_IF_ERROR(routes_map_.Put(changed, values));
  std::vector<sh_prefix_key> gone;
  for (const auto& [network, number] : routes_) {
    if (!routes.contains(network)) {
      gone.push_back(ToKey(network));
    }
  }
  RETURN_IF_ERROR(routes_map_.Delete(gone));
  std::vector<uint32_t> unused;
  for (const auto& [number, slots] : tables_) {
    if (!tables.contains(number)) {
      unused.push_back(number);
    }
  }
  RETURN_IF_ERROR(tables_map_.Delete(unused));
  routes_ = std::move(routes);
  tables_ = std::move(tables);
  return absl::OkStatus();
}

absl::Status SourceMaps::SetMarks(const ReplyMarks& desired, uint32_t base) {
  std::vector<std::pair<sh_ip, uint32_t>> wanted;
  if (base != 0) {
    wanted.emplace_back(sh_ip{}, base);
    for (const auto& [ip, mark] : desired) {
      wanted.emplace_back(ToIp(ip), mark);
    }
  }
  ASSIGN_OR_RETURN(const auto present, marks_map_.ReadAll());
  const auto contains = [](const auto& elements, const sh_ip& ip) {
    return std::any_of(elements.begin(), elements.end(),
                       [&ip](const auto& element) { return SameIp(element.first, ip); });
  };
  std::vector<sh_ip> gone;
  for (const auto& [ip, mark] : present) {
    if (!contains(wanted, ip)) {
      gone.push_back(ip);
    }
  }
  std::vector<sh_ip> keys;
  std::vector<uint32_t> marks;
  for (const auto& [ip, mark] : wanted) {
    keys.push_back(ip);
    marks.push_back(mark);
  }
  RETURN_IF_ERROR(marks_map_.Delete(gone));
  return marks_map_.Put(keys, marks);
}

}  // namespace stronghost
