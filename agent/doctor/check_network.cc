#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/ids.h"
#include "agent/decide/validate_facts.h"
#include "agent/doctor/check.h"

namespace stronghost {
namespace {

std::string SysctlOf(const DoctorFacts& facts, const std::string& path) {
  const auto it = facts.sysctls.find(path);
  return it == facts.sysctls.end() ? "" : it->second;
}

// What the daemon says of the machine when it starts.
void CheckMembers(const DoctorFacts& facts, std::vector<Check>& checks) {
  const std::vector<FactProblem> problems = ValidateFacts(*facts.config, facts.facts);
  for (const FactProblem& problem : problems) {
    checks.push_back(FromMessage(
        "members",
        problem.severity == FactSeverity::kRefused ? CheckStatus::kFail : CheckStatus::kWarn,
        problem.message));
  }
  if (problems.empty() && !facts.config->groups.empty()) {
    checks.push_back({"members", CheckStatus::kOk,
                      "all are there, Ethernet, ports of nothing, with one MTU and MACs of their "
                      "own in each group",
                      ""});
  }
  for (const std::string& nic : MembersOf(*facts.config)) {
    const LinkFact* link = facts.facts.FindLink(nic);
    if (link != nullptr && !link->carrier) {
      checks.push_back(
          {"members", CheckStatus::kWarn,
           absl::StrCat(nic, link->admin_up ? " has no carrier" : " is down"),
           link->admin_up ? "look at its cable" : absl::StrCat("ip link set ", nic, " up")});
    }
  }
}

// Strict reverse-path filtering is satisfied: what is delivered into a home arrives there.
void CheckReversePath(const DoctorFacts& facts, const std::vector<std::string>& nics,
                      std::vector<Check>& checks) {
  std::vector<std::string> strict;
  const std::string all = SysctlOf(facts, "net/ipv4/conf/all/rp_filter");
  for (const std::string& nic : nics) {
    // The kernel takes the greater of the two: 1 strict, 2 loose.
    if (std::max(all, SysctlOf(facts, absl::StrCat("net/ipv4/conf/", nic, "/rp_filter"))) == "1") {
      strict.push_back(nic);
    }
  }
  checks.push_back({"rp_filter", CheckStatus::kOk,
                    strict.empty() ? "not strict on any member"
                                   : absl::StrCat("strict on ", absl::StrJoin(strict, ", "),
                                                  ", which stays satisfied through a failure"),
                    ""});
}

// Settings by which hosts are kept from ARP flux without Stronghost. The agent itself sets
// arp_announce on members.
void CheckArpKnobs(const DoctorFacts& facts, const std::vector<std::string>& nics,
                   std::vector<Check>& checks) {
  std::vector<std::string> left_over;
  const auto look = [&](const std::string& scope, const char* knob) {
    const std::string path = absl::StrCat("net/ipv4/conf/", scope, "/", knob);
    if (const std::string value = SysctlOf(facts, path); !value.empty() && value != "0") {
      left_over.push_back(absl::StrCat("net.ipv4.conf.", scope, ".", knob, " = ", value));
    }
  };
  for (const char* knob : {"arp_ignore", "arp_announce", "arp_filter"}) {
    look("all", knob);
  }
  for (const std::string& nic : nics) {
    look(nic, "arp_ignore");
    look(nic, "arp_filter");
  }
  checks.push_back(left_over.empty()
                       ? Check{"arp", CheckStatus::kOk, "no settings against ARP flux are left", ""}
                       : Check{"arp", CheckStatus::kWarn,
                               absl::StrCat(absl::StrJoin(left_over, ", "),
                                            ": against ARP flux, which Stronghost ends by itself"),
                               "take them out of sysctl.d(5), and set them to 0"});
}

bool HasIpv6(const DoctorFacts& facts, const GroupConfig& group) {
  const std::vector<std::string> members = group.Members();
  return std::any_of(group.addresses.begin(), group.addresses.end(),
                     [](const auto& address) { return address.ip.address.IsV6(); }) ||
         std::any_of(members.begin(), members.end(), [&facts](const std::string& nic) {
           const LinkFact* link = facts.facts.FindLink(nic);
           return link != nullptr &&
                  std::any_of(facts.facts.addresses.begin(), facts.facts.addresses.end(),
                              [link](const AddressFact& fact) {
                                return fact.link == link->index && fact.ip.address.IsV6() &&
                                       !fact.ip.address.IsLinkLocal();
                              });
         });
}

// Frames pass through such a member all the same: a stand-in needs no IPv6 of its own.
void CheckIpv6(const DoctorFacts& facts, std::vector<Check>& checks) {
  std::vector<std::string> without;
  std::vector<std::string> mends;
  for (const GroupConfig& group : facts.config->groups) {
    if (!HasIpv6(facts, group)) {
      continue;
    }
    for (const std::string& nic : group.Members()) {
      const std::string path = absl::StrCat("net/ipv6/conf/", nic, "/disable_ipv6");
      const std::string value = SysctlOf(facts, path);
      if (facts.facts.FindLink(nic) == nullptr || value == "0") {
        continue;
      }
      without.push_back(nic);
      mends.push_back(value.empty() ? absl::StrCat("give ", nic,
                                                   " an MTU of 1280 at least, and boot "
                                                   "without ipv6.disable=1")
                                    : absl::StrCat("sysctl -w ", path, "=0"));
    }
  }
  checks.push_back(
      without.empty()
          ? Check{"ipv6", CheckStatus::kOk, "off on no member whose group has IPv6 addresses", ""}
          : Check{"ipv6", CheckStatus::kWarn,
                  absl::StrCat("off on ", absl::StrJoin(without, ", "),
                               ", which can't take its siblings' IPv6 addresses when their NIC is "
                               "removed or set down"),
                  absl::StrJoin(mends, "; ")});
}

void CheckForwarding(const DoctorFacts& facts, std::vector<Check>& checks) {
  const auto or_unknown = [](const std::string& value) { return value.empty() ? "?" : value; };
  checks.push_back(
      {"forwarding", CheckStatus::kOk,
       absl::StrCat(
           "ip_forward = ", or_unknown(SysctlOf(facts, "net/ipv4/ip_forward")),
           ", IPv6 forwarding = ", or_unknown(SysctlOf(facts, "net/ipv6/conf/all/forwarding")),
           "; the agent never changes them (RFC 1122 section 3.1)"),
       ""});
}

void CheckRules(const DoctorFacts& facts, std::vector<Check>& checks) {
  for (const bool v4 : {true, false}) {
    size_t count = 0;
    for (const GroupConfig& group : facts.config->groups) {
      if (!group.policy_rules) {
        continue;
      }
      for (const std::string& nic : group.Members()) {
        const LinkFact* link = facts.facts.FindLink(nic);
        count += static_cast<size_t>(std::count_if(
            facts.facts.addresses.begin(), facts.facts.addresses.end(), [&](const auto& fact) {
              return link != nullptr && fact.link == link->index && fact.ip.address.IsV4() == v4 &&
                     !fact.ip.address.IsLinkLocal();
            }));
      }
      count += static_cast<size_t>(
          std::count_if(group.prefixes.begin(), group.prefixes.end(),
                        [v4](const auto& entry) { return entry.prefix.address.IsV4() == v4; }));
    }
    const bool over = count > static_cast<size_t>(kRuleAddressLimit);
    checks.push_back(
        {"policy rules", over ? CheckStatus::kWarn : CheckStatus::kOk,
         absl::StrCat(count, " ", v4 ? "IPv4" : "IPv6", " addresses and prefixes, of which ",
                      kRuleAddressLimit, " at most get rules",
                      over ? ": for the rest, firewall rules by outgoing interface see the NIC "
                             "that routing chose"
                           : ""),
         over ? "join addresses to prefixes, or write firewall rules by source address" : ""});
  }
}

void CheckSockets(const DoctorFacts& facts, std::vector<Check>& checks) {
  const auto number = [&facts](const char* protocol) {
    const auto it = facts.sockets.find(protocol);
    return it == facts.sockets.end() ? 0 : it->second;
  };
  if (facts.sockets.empty()) {
    checks.push_back({"sockets", CheckStatus::kWarn, "/proc/net/protocols could not be read", ""});
    return;
  }
  if (const uint64_t xdp = number("XDP"); xdp > 0) {
    checks.push_back({"sockets", CheckStatus::kWarn,
                      absl::StrCat(xdp,
                                   " AF_XDP sockets: what they send passes tc by, and so is "
                                   "not steered"),
                      "run their programs on NICs that are in no group"});
  }
  checks.push_back({"sockets", CheckStatus::kOk,
                    absl::StrCat(number("PACKET"),
                                 " packet sockets; one with "
                                 "PACKET_QDISC_BYPASS would send past the agent, "
                                 "but that can't be seen from outside"),
                    ""});
}

}  // namespace

void CheckNetwork(const DoctorFacts& facts, std::vector<Check>& checks) {
  if (facts.config.has_value()) {
    const std::vector<std::string> nics = MembersOf(*facts.config);
    CheckMembers(facts, checks);
    CheckReversePath(facts, nics, checks);
    CheckArpKnobs(facts, nics, checks);
    CheckIpv6(facts, checks);
    CheckRules(facts, checks);
  }
  CheckForwarding(facts, checks);
  CheckSockets(facts, checks);
}

}  // namespace stronghost
