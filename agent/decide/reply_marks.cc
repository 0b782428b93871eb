#include "agent/decide/reply_marks.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/base/ids.h"
#include "agent/decide/acceptance.h"

namespace stronghost {
namespace {

constexpr uint32_t kWholeMark = 0xffffffff;

bool IsMarkTable(uint32_t table) {
  return table >= kMarkTableBase && table < kMarkTableBase + kMarkTables;
}

class MarkBuilder {
 public:
  MarkBuilder(const DecideInput& input, const std::vector<Member>& members,
              const DatapathState& datapath, KernelState& kernel,
              std::vector<std::string>& problems)
      : input_(input),
        members_(members),
        datapath_(datapath),
        kernel_(kernel),
        problems_(problems),
        base_(static_cast<uint32_t>(input.config.reply_mark)) {}

  ReplyMarks Build() {
    own_routes_ = kernel_.routes;
    for (const bool v4 : {true, false}) {
      AddFamily(v4);
    }
    std::sort(kernel_.routes.begin(), kernel_.routes.end(), OnLinkFirst);
    std::sort(kernel_.rules.begin(), kernel_.rules.end());
    return std::move(marks_);
  }

 private:
  struct Owned {
    IpAddress ip;
    const Member* home = nullptr;
  };

  void AddFamily(bool v4) {
    const std::vector<Owned> addresses = Addresses(v4);
    const absl::btree_map<IpAddress, uint32_t> known = KnownTables(v4);
    std::set<uint32_t> taken;
    for (const auto& [ip, table] : known) {
      taken.insert(table);
    }
    size_t marked = 0;
    for (const bool has_table : {true, false}) {
      for (const Owned& address : addresses) {
        const auto table = known.find(address.ip);
        if ((table != known.end()) != has_table) {
          continue;
        }
        const uint32_t number = has_table ? table->second : LowestFreeTable(taken);
        if (number == 0) {
          continue;
        }
        taken.insert(number);
        AddAddress(address, number);
        ++marked;
      }
    }
    if (marked != 0 && !v4) {
      AddMainFirst();
    }
    if (marked < addresses.size()) {
      problems_.push_back(absl::StrCat(
          addresses.size() - marked, " of ", addresses.size(), v4 ? " IPv4" : " IPv6",
          " addresses have no mark (the limit is ", kMarkTables,
          "): a UDP server that connects the socket that was asked there gets routing's choice"));
    }
  }

  // Those that stand on their homes now, where routing is the agent's.
  std::vector<Owned> Addresses(bool v4) const {
    std::set<std::pair<IfIndex, IpAddress>> usable;
    for (const AddressFact& fact : input_.facts.addresses) {
      // The kernel refuses one that is tentative as the source of a route.
      if (IsAccepted(fact)) {
        usable.emplace(fact.link, fact.ip.address);
      }
    }
    std::vector<Owned> addresses;
    for (const auto& [key, owner] : datapath_.addresses) {
      const Member* member = MemberOf(owner.home);
      if (key.address.IsV4() == v4 && !key.address.IsLinkLocal() && member != nullptr &&
          member->link->admin_up && member->routed &&
          usable.contains({member->link->index, key.address})) {
        addresses.push_back({key.address, member});
      }
    }
    return addresses;
  }

  const Member* MemberOf(HomeIndex home) const {
    const auto it = std::find_if(members_.begin(), members_.end(), [home](const Member& member) {
      return member.home == home && member.link != nullptr;
    });
    return it == members_.end() ? nullptr : &*it;
  }

  absl::btree_map<IpAddress, uint32_t> KnownTables(bool v4) const {
    absl::btree_map<IpAddress, uint32_t> known;
    for (const RouteFact& route : input_.facts.routes) {
      if (IsMarkTable(route.table) && route.source.has_value() &&
          route.destination.address.IsV4() == v4) {
        known.emplace(*route.source, route.table);
      }
    }
    return known;
  }

  static uint32_t LowestFreeTable(const std::set<uint32_t>& taken) {
    for (uint32_t table = kMarkTableBase; table < kMarkTableBase + kMarkTables; ++table) {
      if (!taken.contains(table)) {
        return table;
      }
    }
    return 0;
  }

  // The table that the address's own rule leads to; else its home's.
  uint32_t TableOf(const Owned& address) const {
    const IpPrefix from{address.ip, address.ip.max_length()};
    for (const RuleFact& rule : kernel_.rules) {
      if (rule.priority == kRulePriorityHome && rule.from == from) {
        return rule.table;
      }
    }
    return kTableBase + ToInt(address.home->home);
  }

  void AddAddress(const Owned& address, uint32_t table) {
    RuleFact rule{.family = address.ip.family(),
                  .priority = kRulePriorityMark + 1,
                  .table = table,
                  .mark = base_ + (table - kMarkTableBase + 1),
                  .mark_mask = kWholeMark,
                  .protocol = kRouteProtocol};
    if (address.ip.IsV4()) {
      rule.from = IpPrefix{IpAddress::V4(0), 32};
      kernel_.routes.push_back({.table = table,
                                .destination = {IpAddress::V4(0), 0},
                                .source = address.ip,
                                .link = address.home->link->index,
                                .protocol = kRouteProtocol,
                                .scope = RT_SCOPE_LINK});
    } else {
      const uint32_t own = TableOf(address);
      for (RouteFact route : own_routes_) {
        if (route.table == own && route.destination.address.IsV6()) {
          route.table = table;
          route.source = address.ip;
          kernel_.routes.push_back(route);
        }
      }
    }
    marks_[address.ip] = rule.mark;
    kernel_.rules.push_back(rule);
  }

  // Containers and all else that is reached without a member.
  void AddMainFirst() {
    kernel_.rules.push_back({.family = AF_INET6,
                             .priority = kRulePriorityMark,
                             .table = RT_TABLE_MAIN,
                             .suppress_prefix_length = 0,
                             .suppress_ifgroup = kLinkGroup,
                             .mark = base_,
                             .mark_mask = ~kMarkNumberBits,
                             .protocol = kRouteProtocol});
  }

  const DecideInput& input_;
  const std::vector<Member>& members_;
  const DatapathState& datapath_;
  KernelState& kernel_;
  std::vector<std::string>& problems_;
  const uint32_t base_;
  std::vector<RouteFact> own_routes_;
  ReplyMarks marks_;
};

}  // namespace

ReplyMarks AddReplyMarks(const DecideInput& input, const std::vector<Member>& members,
                         const DatapathState& datapath, KernelState& kernel,
                         std::vector<std::string>& problems) {
  if (input.config.cgroup.empty() || input.config.reply_mark == 0) {
    return {};
  }
  return MarkBuilder(input, members, datapath, kernel, problems).Build();
}

}  // namespace stronghost
