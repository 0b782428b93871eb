#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/views.h"

namespace stronghost {
namespace {

Tone ToneOfState(const std::string& state) {
  if (state == "up" || state == "standby") {
    return Tone::kGood;
  }
  return state == "missing" || state == "down" ? Tone::kBad : Tone::kWarning;
}

std::string Age(absl::Time since, const ViewOptions& options) {
  return FormatAge(since == absl::InfinitePast() ? absl::InfiniteDuration() : options.now - since);
}

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string AgentLine(const AgentReport& agent, const ViewOptions& options) {
  std::string line = absl::StrCat("stronghostd ", OrDash(agent.version), "  pid ", agent.pid,
                                  "  running for ", Age(agent.started, options));
  if (!agent.carrier_signals.empty()) {
    absl::StrAppend(&line, "  carrier by ", absl::StrJoin(agent.carrier_signals, ", "));
  }
  return Printable(line);
}

std::string NicsPart(const GroupReport& group, const ViewOptions& options) {
  Table table({"NIC", "STATE", "CARRIER", "MAC", "XDP", "TC", "SINCE"});
  std::string notes;
  for (const NicReport& nic : group.nics) {
    table.AddRow({{nic.name},
                  {nic.state, ToneOfState(nic.state)},
                  {nic.carrier ? "yes" : "no", nic.carrier ? Tone::kPlain : Tone::kBad},
                  {nic.mac.IsZero() ? "-" : nic.mac.ToString()},
                  {OrDash(nic.xdp)},
                  {OrDash(nic.tc)},
                  {Age(nic.since, options)}});
    if (!nic.cause.empty()) {
      absl::StrAppend(&notes, "  ",
                      Printable(absl::StrCat(nic.name, ": ", nic.cause, " for ",
                                             Age(nic.cause_since, options), ": ", nic.mend)),
                      "\n");
    }
    for (const std::string& note : nic.notes) {
      absl::StrAppend(&notes, "  ", Printable(nic.name), ": ", Printable(note), "\n");
    }
  }
  return absl::StrCat(table.Render(2, options.color), notes);
}

Cell WireCell(const std::string& home, const std::string& wire) {
  const Tone tone = wire.empty() ? Tone::kBad : wire == home ? Tone::kPlain : Tone::kWarning;
  return {wire.empty() ? "none" : wire, tone};
}

std::vector<Cell> AddressRow(const std::string& what, const std::string& home,
                             const std::string& wire, absl::Time since,
                             const ViewOptions& options) {
  return {{what}, {home}, WireCell(home, wire), {Age(since, options)}};
}

std::string AddressesPart(const GroupReport& group, const ViewOptions& options) {
  absl::btree_map<std::string, size_t> of_home;
  for (const AddressReport& address : group.addresses) {
    ++of_home[address.home];
  }
  struct Sum {
    uint64_t addresses = 0;
    absl::Time since = absl::InfinitePast();
  };
  absl::btree_map<std::pair<std::string, std::string>, Sum> sums;  // by home and wire
  Table table({"ADDRESS", "HOME", "WIRE", "SINCE"});
  for (const AddressReport& address : group.addresses) {
    if (options.all || of_home[address.home] <= kManyAddresses) {
      table.AddRow(AddressRow(address.ip, address.home, address.wire, address.since, options));
    } else {
      Sum& sum = sums[{address.home, address.wire}];
      ++sum.addresses;
      sum.since = std::max(sum.since, address.since);
    }
  }
  for (const auto& [way, sum] : sums) {
    table.AddRow(AddressRow(absl::StrCat(Count(sum.addresses, "address", "addresses"), " (--all)"),
                            way.first, way.second, sum.since, options));
  }
  return table.Render(2, options.color);
}

std::string PrefixesPart(const GroupReport& group, const ViewOptions& options) {
  Table table({"PREFIX", "HOME", "WIRE"});
  for (const PrefixReport& prefix : group.prefixes) {
    table.AddRow({{prefix.prefix}, {prefix.home}, WireCell(prefix.home, prefix.wire)});
  }
  return table.Render(2, options.color);
}

// Those about which there is something to say.
std::string GatewaysPart(const GroupReport& group, const ViewOptions& options) {
  Table table({"GATEWAY", "NIC", "STATE", "SINCE", "HEARD"});
  bool any = false;
  for (const GatewayReport& gateway : group.gateways) {
    if (gateway.state == "fine" && !options.all) {
      continue;
    }
    any = true;
    table.AddRow({{gateway.ip},
                  {gateway.nic},
                  {gateway.state, gateway.state == "dead"   ? Tone::kBad
                                  : gateway.state == "fine" ? Tone::kGood
                                                            : Tone::kWarning},
                  {Age(gateway.since, options)},
                  {Age(gateway.heard, options)}});
  }
  return any ? table.Render(2, options.color) : "";
}

std::string GroupPart(const GroupReport& group, const ViewOptions& options) {
  std::string out = absl::StrCat(
      "\n", Paint(Printable(absl::StrCat("group ", group.name)), Tone::kHeading, options.color),
      "  mac ", Printable(OrDash(group.mac)), "\n", NicsPart(group, options));
  if (!group.addresses.empty()) {
    absl::StrAppend(&out, "\n", AddressesPart(group, options));
  }
  if (!group.prefixes.empty()) {
    absl::StrAppend(&out, "\n", PrefixesPart(group, options));
  }
  if (const std::string gateways = GatewaysPart(group, options); !gateways.empty()) {
    absl::StrAppend(&out, "\n", gateways);
  }
  const std::vector<StandInReport> stand_ins = StandIns(group);
  const std::vector<RelocatedReport> relocated = Relocated(group);
  if (!stand_ins.empty() || !relocated.empty()) {
    out.push_back('\n');
  }
  for (const StandInReport& stand_in : stand_ins) {
    const std::string line = absl::StrCat(stand_in.wire, " stands in for ", stand_in.home, ": ",
                                          Count(stand_in.addresses, "address", "addresses"),
                                          ", for ", Age(stand_in.since, options));
    absl::StrAppend(&out, "  ", Paint(Printable(line), Tone::kWarning, options.color), "\n");
  }
  for (const RelocatedReport& away : relocated) {
    const std::string line =
        absl::StrCat(Count(away.addresses, "address", "addresses"), " of ", away.origin,
                     away.addresses == 1 ? " lives on " : " live on ", away.home, " meanwhile");
    absl::StrAppend(&out, "  ", Paint(Printable(line), Tone::kWarning, options.color), "\n");
  }
  return out;
}

}  // namespace

std::string StatusView(const StatusReport& report, const ViewOptions& options) {
  std::string out = absl::StrCat(AgentLine(report.agent, options), "\n");
  for (const GroupReport& group : report.groups) {
    absl::StrAppend(&out, GroupPart(group, options));
  }
  if (report.groups.empty()) {
    absl::StrAppend(&out, "\nno group is configured\n");
  }
  if (!report.problems.empty()) {
    absl::StrAppend(&out, "\n", Paint("problems", Tone::kHeading, options.color), "\n");
  }
  for (const std::string& problem : report.problems) {
    absl::StrAppend(&out, "  ", Paint(Printable(problem), Tone::kBad, options.color), "\n");
  }
  return out;
}

}  // namespace stronghost
