#include "agent/decide/validate_facts.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/config/source_map.h"

namespace stronghost {
namespace {

bool SameFamily(const IpAddress& a, const IpAddress& b) {
  return a.IsV4() == b.IsV4();
}

bool IsHostLength(const IpPrefix& prefix) {
  return prefix.length == prefix.address.max_length();
}

bool AnyContains(const absl::btree_set<IpPrefix>& subnets, const IpAddress& address) {
  return std::any_of(subnets.begin(), subnets.end(),
                     [&](const IpPrefix& subnet) { return subnet.Contains(address); });
}

// Checks of one group.
class GroupFactChecks {
 public:
  GroupFactChecks(const GroupConfig& group, size_t index, const Facts& facts,
                  std::vector<FactProblem>* problems)
      : group_(group), index_(index), facts_(facts), problems_(problems) {}

  void Run() {
    FindMembers();
    for (const Member& member : present_) {
      CheckKind(member);
      CheckMaster(member);
    }
    CheckMtus();
    CheckMacs();
    CollectSubnets();
    CheckAddresses();
    CheckGateways();
  }

 private:
  struct Member {
    std::string path;
    const LinkFact* link = nullptr;
  };

  template <typename... Parts>
  void Add(FactSeverity severity, absl::string_view path, const Parts&... parts) {
    problems_->push_back({severity, std::string(path), absl::StrCat(parts...)});
  }

  std::string MemberPath(const std::string& nic) const {
    const auto at = std::find(group_.nics.begin(), group_.nics.end(), nic);
    if (at != group_.nics.end()) {
      return ItemPath(index_, "nics", static_cast<size_t>(at - group_.nics.begin()));
    }
    const auto standby = std::find(group_.standby.begin(), group_.standby.end(), nic);
    return ItemPath(index_, "standby", static_cast<size_t>(standby - group_.standby.begin()));
  }

  void FindMembers() {
    for (const std::string& nic : group_.Members()) {
      const std::string path = MemberPath(nic);
      if (const LinkFact* link = facts_.FindLink(nic)) {
        present_.push_back({path, link});
      } else {
        some_missing_ = true;
        Add(FactSeverity::kInfo, path, "NIC '", nic, "' of group '", group_.name,
            "' is not there; it joins the group when it appears");
      }
    }
  }

  // Observation leaves the MAC zero where an interface has no six-byte one.
  void CheckKind(const Member& member) {
    if (!member.link->mac.IsZero()) {
      return;
    }
    const std::string kind =
        member.link->kind.empty() ? "" : absl::StrCat(" (", member.link->kind, ")");
    Add(FactSeverity::kRefused, member.path, "'", member.link->name, "'", kind,
        " is no Ethernet interface: it has no MAC address; take it out of group '", group_.name,
        "'");
  }

  void CheckMaster(const Member& member) {
    if (member.link->master == IfIndex::kNone) {
      return;
    }
    const auto master = facts_.links.find(member.link->master);
    if (master == facts_.links.end()) {
      Add(FactSeverity::kRefused, member.path, "'", member.link->name,
          "' is a port of interface number ", ToInt(member.link->master),
          "; take it out of there ('ip link set ", member.link->name,
          " nomaster') or out of group '", group_.name, "'");
      return;
    }
    const std::string& kind = master->second.kind;
    const std::string& name = master->second.name;
    if (kind == "vrf") {
      Add(FactSeverity::kWarning, member.path, "'", member.link->name, "' is in VRF '", name,
          "', whose table is asked before the policy rules; steering alone keeps its addresses on "
          "their NIC");
      return;
    }
    Add(FactSeverity::kRefused, member.path, "'", member.link->name, "' is a port of ",
        kind.empty() ? "" : absl::StrCat(kind, " "), "'", name, "'; make '", name,
        "' the member, or take '", member.link->name, "' out of it ('ip link set ",
        member.link->name, " nomaster')");
  }

  void CheckMtus() {
    const bool differ = std::any_of(present_.begin(), present_.end(), [this](const Member& m) {
      return m.link->mtu != present_.front().link->mtu;
    });
    if (!differ) {
      return;
    }
    const std::string list =
        absl::StrJoin(present_, ", ", [](std::string* out, const Member& member) {
          absl::StrAppend(out, member.link->name, " ", member.link->mtu);
        });
    Add(FactSeverity::kWarning, absl::StrCat(GroupPath(index_), ".nics"), "the members of group '",
        group_.name, "' differ in MTU (", list,
        "): a stand-in with a smaller one loses large packets; set the same on all");
  }

  void CheckMacs() {
    absl::flat_hash_map<MacAddress, std::string> owners;
    for (const Member& member : present_) {
      if (member.link->mac.IsZero()) {
        continue;
      }
      const auto [it, added] = owners.emplace(member.link->mac, member.link->name);
      if (!added) {
        Add(FactSeverity::kWarning, member.path, "'", it->second, "' and '", member.link->name,
            "' have one MAC, ", member.link->mac.ToString(),
            ", which confuses the switch; give one of them another ('ip link set ",
            member.link->name, " address ...')");
      }
    }
  }

  bool IsMemberLink(IfIndex link) const {
    return std::any_of(present_.begin(), present_.end(),
                       [link](const Member& m) { return m.link->index == link; });
  }

  void CollectSubnets() {
    for (const AddressFact& address : facts_.addresses) {
      if (IsMemberLink(address.link)) {
        found_.insert(address.ip.address);
        AddSubnet(address.ip);
      }
    }
    for (const RouteFact& route : facts_.routes) {
      if (route.table == RT_TABLE_MAIN && !route.gateway.has_value() && IsMemberLink(route.link)) {
        AddSubnet(route.destination);
      }
    }
    for (size_t i = 0; i < group_.addresses.size(); ++i) {
      if (DefinesSubnet(i)) {
        AddSubnet(group_.addresses[i].ip);
      }
    }
  }

  void AddSubnet(const IpPrefix& prefix) {
    if (prefix.length > 0 && !IsHostLength(prefix) && !prefix.address.IsLinkLocal() &&
        !prefix.address.IsMulticast()) {
      subnets_.insert(prefix.Network());
    }
  }

  // The second rule of the header. Called when `found_` is complete.
  bool DefinesSubnet(size_t index) const {
    const IpPrefix& own = group_.addresses[index].ip;
    if (IsHostLength(own) || subnets_.contains(own.Network())) {
      return false;  // nothing to add; and thousands of addresses of one subnet cost one search
    }
    bool alone = true;
    const auto is_inside = [&](const IpAddress& other) {
      if (other == own.address || other.IsLinkLocal() || !SameFamily(other, own.address)) {
        return false;
      }
      alone = false;
      return own.Contains(other);
    };
    if (std::any_of(found_.begin(), found_.end(), is_inside) ||
        std::any_of(group_.addresses.begin(), group_.addresses.end(),
                    [&](const AddressConfig& other) { return is_inside(other.ip.address); })) {
      return true;
    }
    const std::vector<IpAddress> gateways = Gateways(group_.addresses[index]);
    return alone || std::any_of(gateways.begin(), gateways.end(),
                                [&](const IpAddress& gateway) { return own.Contains(gateway); });
  }

  // The gateways that an address may use.
  std::vector<IpAddress> Gateways(const AddressConfig& address) const {
    std::vector<IpAddress> gateways = group_.gateways;
    gateways.insert(gateways.end(), address.gateways.begin(), address.gateways.end());
    return gateways;
  }

  // How bad an address outside of all known subnets is.
  FactSeverity Outside(const IpAddress& address) const {
    const bool some_known =
        std::any_of(subnets_.begin(), subnets_.end(),
                    [&](const IpPrefix& subnet) { return SameFamily(subnet.address, address); });
    return some_known && !some_missing_ ? FactSeverity::kRefused : FactSeverity::kWarning;
  }

  std::string KnownSubnets(const IpAddress& family) const {
    std::vector<std::string> names;
    for (const IpPrefix& subnet : subnets_) {
      if (SameFamily(subnet.address, family)) {
        names.push_back(subnet.ToString());
      }
    }
    return names.empty() ? "none known" : absl::StrJoin(names, ", ");
  }

  void CheckAddresses() {
    for (size_t i = 0; i < group_.addresses.size(); ++i) {
      const IpAddress& ip = group_.addresses[i].ip.address;
      if (ip.IsLinkLocal() || found_.contains(ip) || AnyContains(subnets_, ip)) {
        continue;
      }
      Add(Outside(ip), absl::StrCat(ItemPath(index_, "address", i), ".ip"), ip.ToString(),
          " lies in no subnet of group '", group_.name, "' (", KnownSubnets(ip),
          "); correct it or its prefix length, or name a gateway of its subnet");
    }
  }

  void CheckGateways() {
    for (size_t i = 0; i < group_.gateways.size(); ++i) {
      CheckGateway(ItemPath(index_, "gateways", i), group_.gateways[i]);
    }
    for (size_t i = 0; i < group_.addresses.size(); ++i) {
      const std::vector<IpAddress>& own = group_.addresses[i].gateways;
      for (size_t k = 0; k < own.size(); ++k) {
        CheckGateway(absl::StrCat(ItemPath(index_, "address", i), ".gateways[", k, "]"), own[k]);
      }
    }
  }

  void CheckGateway(absl::string_view path, const IpAddress& gateway) {
    if (found_.contains(gateway)) {
      Add(FactSeverity::kRefused, path, "gateway ", gateway.ToString(),
          " is this host's own address; write another host's address");
      return;
    }
    if (gateway.IsLinkLocal() || AnyContains(subnets_, gateway)) {
      return;
    }
    Add(Outside(gateway), path, "gateway ", gateway.ToString(), " lies in no subnet of group '",
        group_.name, "' (", KnownSubnets(gateway),
        "); correct it, or give a member an address of its subnet");
  }

  const GroupConfig& group_;
  size_t index_;
  const Facts& facts_;
  std::vector<FactProblem>* problems_;
  std::vector<Member> present_;
  bool some_missing_ = false;
  absl::flat_hash_set<IpAddress> found_;  // addresses on the members
  absl::btree_set<IpPrefix> subnets_;     // known ones, as networks
};

}  // namespace

absl::string_view NameOf(FactSeverity severity) {
  switch (severity) {
    case FactSeverity::kInfo:
      return "info";
    case FactSeverity::kWarning:
      return "warning";
    case FactSeverity::kRefused:
      return "refused";
  }
  return "?";
}

std::vector<FactProblem> ValidateFacts(const Config& config, const Facts& facts) {
  std::vector<FactProblem> problems;
  for (size_t i = 0; i < config.groups.size(); ++i) {
    GroupFactChecks(config.groups[i], i, facts, &problems).Run();
  }
  return problems;
}

}  // namespace stronghost
