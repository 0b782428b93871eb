#include "agent/suggest/candidates.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "agent/suggest/toml_text.h"

namespace stronghost {
namespace {

struct KindReason {
  absl::string_view kind;
  absl::string_view what;
};

// On top of another interface, whose cable is theirs.
constexpr std::array kChildren = {
    KindReason{"vlan", "a VLAN"},       KindReason{"macvlan", "a macvlan"},
    KindReason{"macvtap", "a macvtap"}, KindReason{"ipvlan", "an ipvlan"},
    KindReason{"ipvtap", "an ipvtap"},
};

constexpr std::array kVirtual = {
    KindReason{"vxlan", "a tunnel"},
    KindReason{"geneve", "a tunnel"},
    KindReason{"gretap", "a tunnel"},
    KindReason{"ip6gretap", "a tunnel"},
    KindReason{"erspan", "a tunnel"},
    KindReason{"ip6erspan", "a tunnel"},
    KindReason{"bareudp", "a tunnel"},
    KindReason{"macsec", "a tunnel"},
    KindReason{"tun", "a tap of a guest or a tunnel"},
    KindReason{"dummy", "a dummy, behind which there is no network"},
    KindReason{"ifb", "a helper of traffic control"},
    KindReason{"vrf", "a VRF"},
};

template <size_t N>
absl::string_view WhatOf(const std::array<KindReason, N>& table, const std::string& kind) {
  const auto* const it = std::find_if(table.begin(), table.end(),
                                      [&](const KindReason& entry) { return entry.kind == kind; });
  return it == table.end() ? "" : it->what;
}

// Leads to a segment by itself.
bool IsNicKind(const std::string& kind) {
  return kind.empty() || kind == "veth" || kind == "bond" || kind == "team";
}

bool HasDefaultRoute(const Facts& facts, IfIndex link) {
  return std::any_of(facts.routes.begin(), facts.routes.end(), [link](const RouteFact& route) {
    return route.table == RT_TABLE_MAIN && route.link == link && route.destination.length == 0;
  });
}

bool HasNicPort(const Facts& facts, IfIndex bridge) {
  return std::any_of(facts.links.begin(), facts.links.end(), [bridge](const auto& entry) {
    const LinkFact& port = entry.second;
    // Containers are plugged in by veth.
    return port.master == bridge && !port.mac.IsZero() && port.kind != "veth" &&
           (IsNicKind(port.kind) || port.kind == "vlan");
  });
}

std::string PortReason(const LinkFact& link, const Facts& facts) {
  const auto master = facts.links.find(link.master);
  if (master == facts.links.end()) {
    return absl::StrCat("is a port of interface number ", ToInt(link.master));
  }
  const LinkFact& over = master->second;
  return absl::StrCat("is a port of ", over.kind.empty() ? "" : absl::StrCat(over.kind, " "), "'",
                      over.name, "', which can be a member instead");
}

// Why `link` can never be suggested; "": it can.
std::string KindFault(const LinkFact& link, const HostFacts& host) {
  if (!IsTomlText(link.name)) {
    return "has a name that no configuration can hold (control characters, or no UTF-8); rename it";
  }
  if (link.mac.IsZero()) {
    return link.name == "lo" ? "is the loopback interface"
                             : absl::StrCat("is no Ethernet interface: it has no MAC address",
                                            link.kind.empty() ? "" : absl::StrCat(" (", link.kind),
                                            link.kind.empty() ? "" : ")");
  }
  if (link.master != IfIndex::kNone && !host.facts.InVrf(link)) {
    return PortReason(link, host.facts);
  }
  if (host.wireless.contains(link.index)) {
    return "is wireless: an access point takes frames of one MAC only, so it can neither have a "
           "stand-in nor be one";
  }
  if (const absl::string_view what = WhatOf(kChildren, link.kind); !what.empty()) {
    return absl::StrCat("is ", what,
                        link.parent == IfIndex::kNone
                            ? ""
                            : absl::StrCat(" on '", NameOfLink(host.facts, link.parent), "'"),
                        "; where it leads to a segment of its own, write a group for it by hand");
  }
  if (const absl::string_view what = WhatOf(kVirtual, link.kind); !what.empty()) {
    return absl::StrCat("is ", what);
  }
  if (IsContainerBridge(link, host.facts)) {
    return "is a bridge without a NIC: containers or guests are behind it";
  }
  if (!IsNicKind(link.kind) && link.kind != "bridge") {
    return absl::StrCat("is of kind '", link.kind,
                        "'; if a segment is behind it, write it into a group by hand");
  }
  return "";
}

std::string StateFault(const LinkFact& link) {
  if (!link.admin_up) {
    return absl::StrCat("is down; set it up ('ip link set ", link.name,
                        " up') and ask again, or add it by hand to the group of its segment");
  }
  if (!link.carrier) {
    return "has no carrier; plug its cable and ask again, or add it by hand to the group of its "
           "segment";
  }
  return "";
}

}  // namespace

std::string NameOfLink(const Facts& facts, IfIndex link) {
  const auto it = facts.links.find(link);
  return it == facts.links.end() ? absl::StrCat("interface ", ToInt(link)) : it->second.name;
}

bool IsContainerBridge(const LinkFact& link, const Facts& facts) {
  return link.kind == "bridge" && !HasNicPort(facts, link.index) &&
         !HasDefaultRoute(facts, link.index);
}

Candidates FindCandidates(const HostFacts& host) {
  Candidates candidates;
  for (const auto& [index, link] : host.facts.links) {
    std::string fault = KindFault(link, host);
    if (fault.empty()) {
      fault = StateFault(link);
    }
    if (fault.empty()) {
      candidates.nics.push_back(index);
    } else {
      candidates.left_out.push_back({index, link.name, std::move(fault)});
    }
  }
  return candidates;
}

}  // namespace stronghost
