// A small pure world for the tests of `decide`: groups of NICs whose links can be set.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/decide/decide.h"

namespace stronghost {

// One group "front" with NICs n0, n1, ... (ifindex 10, 11, ...; MAC 02:00:00:00:00:0i), all up.
class DecideWorld {
 public:
  explicit DecideWorld(int nics, std::vector<std::string> standby = {}) {
    GroupConfig group{.name = "front", .standby = std::move(standby)};
    for (int i = 0; i < nics; ++i) {
      group.nics.push_back(absl::StrCat("n", i));
      nic_[i] = Link(i);
      facts.links[Link(i)] = MakeLink(i);
    }
    config.groups.push_back(std::move(group));
    config.reply_mark = 0;  // no rules and tables that only its own tests look for
  }

  static IfIndex Link(int i) { return IfIndex{static_cast<uint32_t>(10 + i)}; }

  void SetCarrier(int i, bool carrier) { facts.links[Link(i)].carrier = carrier; }

  void AddAddress(int i, const std::string& prefix) {
    facts.addresses.push_back({.link = Link(i), .ip = *IpPrefix::Parse(prefix)});
  }

  // The link goes with all that is on it.
  void RemoveNic(int i) {
    facts.links.erase(nic_[i]);
    DropFrom(nic_[i], /*ipv4_too=*/true);
  }
  // Another link of that name and MAC.
  void InsertNic(int i) {
    nic_[i] = IfIndex{++last_link_};
    facts.links[nic_[i]] = MakeLink(i);
  }
  // Down as `ip link set down`: the kernel drops IPv6 addresses and all routes.
  void SetAdmin(int i, bool up) {
    LinkFact& link = facts.links.at(nic_[i]);
    link.admin_up = link.carrier = up;
    if (!up) {
      DropFrom(nic_[i], /*ipv4_too=*/false);
    }
  }
  [[nodiscard]] bool Exists(int i) const { return facts.links.contains(nic_.at(i)); }

  // Makes the decision's addresses and routes of table main true, as the agent does.
  void Apply() {
    for (const auto* wanted : {&decision.kernel.moved, &decision.kernel.addresses}) {
      for (const AddressFact& fact : *wanted) {
        if (facts.links.contains(fact.link) && !Has(fact.link, fact.ip.address)) {
          facts.addresses.push_back(fact);
        }
      }
    }
    for (const LeftAddress& left : decision.kernel.left) {
      if (Has(left.keeper, left.ip)) {
        std::erase_if(facts.addresses, [&left](const AddressFact& fact) {
          return fact.link == left.link && fact.ip.address == left.ip;
        });
      }
    }
  }
  bool Has(IfIndex link, const IpAddress& ip) const {
    return std::any_of(
        facts.addresses.begin(), facts.addresses.end(),
        [&](const AddressFact& fact) { return fact.link == link && fact.ip.address == ip; });
  }
  // As `stronghost move` writes it down.
  void Order(const std::string& ip, const std::string& nic) {
    OrderMove(inventory, facts, *IpAddress::Parse(ip), nic);
  }
  // The NICs that have it, by number.
  std::vector<int> NicsWith(const std::string& ip) const {
    std::vector<int> nics;
    for (const auto& [i, link] : nic_) {
      if (facts.links.contains(link) && Has(link, *IpAddress::Parse(ip))) {
        nics.push_back(i);
      }
    }
    return nics;
  }
  IfIndex LinkNow(int i) const { return nic_.at(i); }

  // Decides at `now`, remembers, and returns the decision.
  const Decision& Decide() {
    decision = stronghost::Decide(
        {config, facts, memory, datapath, drained, inventory, added, reach, bounced, now});
    memory = decision.memory;
    datapath = decision.datapath;
    inventory = decision.inventory;
    reach = decision.reach;
    bounced.clear();
    return decision;
  }

  // What a flip by BPF leaves behind.
  void FlipInKernel(int i) {
    HomeMemory& home = memory[HomeOf(i)];
    home.path = {home.path.backup, IfIndex::kNone};
    home.usable_since = now;
  }

  HomeIndex HomeOf(int i) const {
    for (const auto& [index, home] : datapath.homes) {
      if (home.link == Link(i)) {
        return index;
      }
    }
    return HomeIndex::kNone;
  }

  Path PathOf(int i) const { return datapath.homes.at(HomeOf(i)).path; }

  Config config;
  Facts facts;
  Memory memory;
  DatapathState datapath;
  std::set<std::string> drained;
  Inventory inventory;
  AddedAddresses added;
  Reach reach;
  std::set<IfIndex> bounced;
  absl::Time now = absl::FromUnixSeconds(1000);
  Decision decision;

 private:
  LinkFact MakeLink(int i) const {
    LinkFact link{.index = nic_.at(i),
                  .name = absl::StrCat("n", i),
                  .admin_up = true,
                  .carrier = true,
                  .mtu = 1500,
                  .kind = "veth",
                  .driver = "veth"};
    link.mac.bytes = {2, 0, 0, 0, 0, static_cast<uint8_t>(i + 1)};
    return link;
  }
  void DropFrom(IfIndex link, bool ipv4_too) {
    std::erase_if(facts.addresses, [&](const AddressFact& fact) {
      return fact.link == link && (ipv4_too || fact.ip.address.IsV6());
    });
    std::erase_if(facts.routes, [link](const RouteFact& route) { return route.link == link; });
  }

  std::map<int, IfIndex> nic_;
  uint32_t last_link_ = 100;
};

}  // namespace stronghost
