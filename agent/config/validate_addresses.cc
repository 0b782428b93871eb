#include "agent/config/validate_addresses.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace stronghost {

absl::string_view Unusable(const IpAddress& ip) {
  if (ip.IsUnspecified()) {
    return "the unspecified address";
  }
  if (ip.IsLoopback()) {
    return "a loopback address";
  }
  if (ip.IsMulticast()) {
    return "a multicast address";
  }
  if (ip.ToString() == "255.255.255.255") {
    return "the broadcast address";
  }
  return "";
}

namespace {

bool IsHostLength(const IpPrefix& prefix) {
  return prefix.length == prefix.address.max_length();
}

class AddressChecks {
 public:
  AddressChecks(const Config& config, const SourceMap& sources,
                std::vector<ConfigProblem>* problems)
      : config_(config), sources_(sources), problems_(problems) {}

  void Run() {
    for (size_t g = 0; g < config_.groups.size(); ++g) {
      for (size_t a = 0; a < config_.groups[g].addresses.size(); ++a) {
        CheckAddress(g, a);
      }
    }
    // Gateways come second: they are compared with the addresses of all groups.
    for (size_t g = 0; g < config_.groups.size(); ++g) {
      CheckGateways(g);
    }
  }

 private:
  template <typename... Parts>
  void Add(absl::string_view path, const Parts&... parts) {
    problems_->push_back(sources_.Problem(path, absl::StrCat(parts...)));
  }

  void CheckAddress(size_t g, size_t a) {
    const GroupConfig& group = config_.groups[g];
    const AddressConfig& address = group.addresses[a];
    const std::string path = ItemPath(g, "address", a);
    CheckHome(path, group, address);
    if (!sources_.IsBroken(absl::StrCat(path, ".ip"))) {
      CheckOwnAddress(absl::StrCat(path, ".ip"), address.ip);
      CheckOneHome(g, path, address);
    }
  }

  void CheckOwnAddress(const std::string& path, const IpPrefix& ip) {
    const IpAddress& address = ip.address;
    if (const absl::string_view what = Unusable(address); !what.empty()) {
      Add(path, address.ToString(), " is ", what, "; write an address that a NIC can own");
    } else if (ip.length == 0) {
      Add(path, ip.ToString(), " has prefix length 0; write the length of its subnet, such as /",
          address.IsV4() ? 24 : 64);
    } else if (ip.length >= address.max_length() - 1) {
      return;  // RFC 3021 and RFC 6164: in a subnet of two, both are hosts
    } else if (ip.Network().address == address) {
      Add(path, address.ToString(), " is the ",
          address.IsV4() ? "network address" : "subnet-router anycast address (RFC 4291 2.6.1)",
          " of ", ip.ToString(), "; write a host's address, or correct the prefix length");
    } else if (ip.Broadcast() == address) {
      Add(path, address.ToString(), " is the broadcast address of ", ip.Network().ToString(),
          "; write a host's address, or correct the prefix length");
    }
  }

  void CheckHome(const std::string& path, const GroupConfig& group, const AddressConfig& address) {
    const std::string home_path = absl::StrCat(path, ".home");
    if (const std::string fault = HomeFault(group, "address", address.home);
        !fault.empty() && !sources_.IsBroken(home_path)) {
      Add(home_path, fault);
    }
  }

  void CheckOneHome(size_t g, const std::string& path, const AddressConfig& address) {
    const IpAddress& ip = address.ip.address;
    // The same link-local address may stand on several NICs: each is an address of its own.
    const std::string scope = ip.IsLinkLocal() ? address.home : "";
    const auto [it, added] = owners_.emplace(std::pair(ip, scope), Owner{address.home, path});
    managed_.emplace(std::pair(ip, ip.IsLinkLocal() ? static_cast<int>(g) : kAnyGroup),
                     absl::StrCat(path, ".ip"));
    if (added) {
      return;
    }
    const Owner& first = it->second;
    const std::string line = sources_.LineNote(absl::StrCat(first.path, ".ip"));
    if (first.home == address.home) {
      Add(absl::StrCat(path, ".ip"), ip.ToString(), " is written twice", line,
          "; leave out one of the entries");
    } else {
      Add(absl::StrCat(path, ".ip"), ip.ToString(), " has two homes: ", first.home, line, " and ",
          address.home, "; leave out one of the entries");
    }
  }

  void CheckGateways(size_t g) {
    const GroupConfig& group = config_.groups[g];
    for (size_t i = 0; i < group.gateways.size(); ++i) {
      const std::string path = ItemPath(g, "gateways", i);
      CheckNeighbour(g, path, "gateway", group.gateways[i]);
      CheckGatewaySubnet(g, path, group.gateways[i]);
    }
    for (size_t i = 0; i < group.detect.probe_targets.size(); ++i) {
      CheckNeighbour(g, ItemPath(g, "detect.probe_targets", i), "probe target",
                     group.detect.probe_targets[i]);
    }
    CheckOnce(GroupPath(g), group.gateways);
    for (size_t i = 0; i < group.addresses.size(); ++i) {
      const AddressConfig& address = group.addresses[i];
      for (size_t k = 0; k < address.gateways.size(); ++k) {
        CheckOwnGateway(g, i, k);
      }
      CheckOnce(ItemPath(g, "address", i), address.gateways);
    }
  }

  void CheckOnce(const std::string& path, const std::vector<IpAddress>& gateways) {
    for (size_t i = 0; i < gateways.size(); ++i) {
      const auto first = std::find(gateways.begin(), gateways.end(), gateways[i]);
      if (static_cast<size_t>(first - gateways.begin()) != i) {
        Add(absl::StrCat(path, ".gateways[", i, "]"), "gateway ", gateways[i].ToString(),
            " is written twice; leave out one of the two");
      }
    }
  }

  // A gateway or probe target is another host.
  void CheckNeighbour(size_t g, const std::string& path, absl::string_view role,
                      const IpAddress& ip) {
    if (const absl::string_view what = Unusable(ip); !what.empty()) {
      Add(path, role, " ", ip.ToString(), " is ", what, "; write another host's address");
      return;
    }
    const int scope = ip.IsLinkLocal() ? static_cast<int>(g) : kAnyGroup;
    if (const auto it = managed_.find(std::pair(ip, scope)); it != managed_.end()) {
      Add(path, role, " ", ip.ToString(), " is this host's own address",
          sources_.LineNote(it->second), "; write another host's address");
    }
  }

  // Only where the subnets are all in the file: with adopt, and with host addresses (/32, /128),
  // the machine has to be asked.
  void CheckGatewaySubnet(size_t g, const std::string& path, const IpAddress& gateway) {
    const GroupConfig& group = config_.groups[g];
    if (group.adopt || group.addresses.empty() || gateway.IsLinkLocal() ||
        !Unusable(gateway).empty() || sources_.IsBroken(absl::StrCat(GroupPath(g), ".address"))) {
      return;
    }
    for (const AddressConfig& address : group.addresses) {
      const bool same_family = address.ip.address.IsV4() == gateway.IsV4();
      if (same_family && (IsHostLength(address.ip) || address.ip.Contains(gateway))) {
        return;
      }
    }
    Add(path, "gateway ", gateway.ToString(), " lies in no subnet of the addresses of group '",
        group.name, "'; correct it or a prefix length");
  }

  void CheckOwnGateway(size_t g, size_t i, size_t k) {
    const GroupConfig& group = config_.groups[g];
    const IpPrefix& ip = group.addresses[i].ip;
    const IpAddress& gateway = group.addresses[i].gateways[k];
    const std::string address_path = ItemPath(g, "address", i);
    const std::string path = absl::StrCat(address_path, ".gateways[", k, "]");
    CheckNeighbour(g, path, "gateway", gateway);
    if (!group.policy_rules && k == 0) {
      Add(path, "a gateway of its own needs policy rules; set policy_rules = true in group '",
          group.name, "', or leave the gateway out");
    }
    if (!Unusable(gateway).empty() || sources_.IsBroken(absl::StrCat(address_path, ".ip"))) {
      return;
    }
    if (gateway.IsV4() != ip.address.IsV4()) {
      Add(path, "gateway ", gateway.ToString(), " and address ", ip.address.ToString(),
          " are not of one family; write an ", ip.address.IsV4() ? "IPv4" : "IPv6", " gateway");
    } else if (!gateway.IsLinkLocal() && !IsHostLength(ip) && !ip.Contains(gateway)) {
      Add(path, "gateway ", gateway.ToString(), " lies outside of ", ip.Network().ToString(),
          ", the subnet of its address; correct it or the prefix length");
    } else if (ip.Broadcast() == gateway) {
      Add(path, "gateway ", gateway.ToString(), " is the broadcast address of ",
          ip.Network().ToString(), "; write another host's address, or correct the prefix length");
    }
  }

  static constexpr int kAnyGroup = -1;
  struct Owner {
    std::string home;
    std::string path;
  };

  const Config& config_;
  const SourceMap& sources_;
  std::vector<ConfigProblem>* problems_;
  // Address and, for link-local ones, home -> its first entry.
  absl::flat_hash_map<std::pair<IpAddress, std::string>, Owner> owners_;
  // Address and, for link-local ones, group -> path of its first entry.
  absl::flat_hash_map<std::pair<IpAddress, int>, std::string> managed_;
};

}  // namespace

std::string HomeFault(const GroupConfig& group, absl::string_view what, const std::string& home) {
  if (home.empty()) {
    return absl::StrCat("the ", what, " has no home; add home = \"eth0\", a member of the group");
  }
  const std::vector<std::string> members = group.Members();
  if (members.empty() || std::find(members.begin(), members.end(), home) != members.end()) {
    return "";
  }
  return absl::StrCat("home '", home, "' is no member of group '", group.name, "'; write one of ",
                      absl::StrJoin(members, ", "), ", or add it to nics");
}

void ValidateAddresses(const Config& config, const SourceMap& sources,
                       std::vector<ConfigProblem>* problems) {
  AddressChecks(config, sources, problems).Run();
}

}  // namespace stronghost
