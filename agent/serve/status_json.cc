#include "agent/serve/status_json.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "agent/base/status.h"

namespace stronghost {
namespace {

// RFC 3339 in UTC; null for a time that is not known.
Json TimeToJson(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) {
    return nullptr;
  }
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

Json NicToJson(const NicReport& nic) {
  return {{"name", nic.name},
          {"ifindex", ToInt(nic.ifindex)},
          {"mac", nic.mac.IsZero() ? std::string() : nic.mac.ToString()},
          {"state", nic.state},
          {"home", ToInt(nic.home)},
          {"carrier", nic.carrier},
          {"xdp", NullIfEmpty(nic.xdp)},
          {"tc", NullIfEmpty(nic.tc)},
          {"notes", nic.notes},
          {"since", TimeToJson(nic.since)},
          {"cause", NullIfEmpty(nic.cause)},
          {"cause_since", TimeToJson(nic.cause_since)},
          {"mend", NullIfEmpty(nic.mend)}};
}

Json GatewayToJson(const GatewayReport& gateway) {
  return {{"ip", gateway.ip},
          {"nic", gateway.nic},
          {"mac", gateway.mac.IsZero() ? Json() : Json(gateway.mac.ToString())},
          {"state", gateway.state},
          {"since", TimeToJson(gateway.since)},
          {"heard", TimeToJson(gateway.heard)}};
}

Json AddressToJson(const AddressReport& address) {
  return {{"ip", address.ip},
          {"home", address.home},
          {"wire", NullIfEmpty(address.wire)},
          {"origin", NullIfEmpty(address.origin)},
          {"since", TimeToJson(address.since)}};
}

// The group with its addresses from `first` up to, not including, `last`.
Json AddressesToJson(const GroupReport& group, size_t first, size_t last) {
  Json list = Json::array();
  for (size_t i = first; i < last; ++i) {
    list.push_back(AddressToJson(group.addresses[i]));
  }
  return list;
}

Json GroupHeadToJson(const GroupReport& group) {
  Json nics = Json::array();
  for (const NicReport& nic : group.nics) {
    nics.push_back(NicToJson(nic));
  }
  Json stand_ins = Json::array();
  for (const StandInReport& stand_in : StandIns(group)) {
    stand_ins.push_back({{"home", stand_in.home},
                         {"wire", stand_in.wire},
                         {"addresses", stand_in.addresses},
                         {"since", TimeToJson(stand_in.since)}});
  }
  Json prefixes = Json::array();
  for (const PrefixReport& prefix : group.prefixes) {
    prefixes.push_back(
        {{"prefix", prefix.prefix}, {"home", prefix.home}, {"wire", NullIfEmpty(prefix.wire)}});
  }
  Json gateways = Json::array();
  for (const GatewayReport& gateway : group.gateways) {
    gateways.push_back(GatewayToJson(gateway));
  }
  return {{"name", group.name},
          {"mac", group.mac},
          {"nics", std::move(nics)},
          {"gateways", std::move(gateways)},
          {"addresses", Json::array()},
          {"prefixes", std::move(prefixes)},
          {"stand_ins", std::move(stand_ins)}};
}

// All but the addresses.
Json HeadToJson(const StatusReport& report) {
  Json groups = Json::array();
  for (const GroupReport& group : report.groups) {
    groups.push_back(GroupHeadToJson(group));
  }
  Json counters = Json::object();
  for (const auto& [verdict, packets] : report.counters) {
    counters[verdict] = packets;
  }
  Json nic_counters = Json::object();
  for (const auto& [nic, verdicts] : report.nic_counters) {
    Json& of_nic = nic_counters[nic] = Json::object();
    for (const auto& [verdict, counter] : verdicts) {
      of_nic[verdict] = {{"packets", counter.packets}, {"bytes", counter.bytes}};
    }
  }
  const AgentReport& agent = report.agent;
  return {{"groups", std::move(groups)},
          {"counters", std::move(counters)},
          {"nic_counters", std::move(nic_counters)},
          {"problems", report.problems},
          {"agent",
           {{"version", agent.version},
            {"pid", agent.pid},
            {"started", TimeToJson(agent.started)},
            {"carrier_signals", agent.carrier_signals},
            {"no_fentry", agent.no_fentry},
            {"pin_dir", agent.pin_dir}}}};
}

void ReadTime(JsonReader* reader, const char* key, absl::Time* out) {
  std::string text;
  reader->Optional(key, &text);
  std::string error;
  absl::Time time;
  if (text.empty()) {
    return;
  }
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    *out = time;
  } else {
    reader->Fail(key, "RFC 3339 time");
  }
}

absl::StatusOr<NicReport> NicFromJson(const Json& json) {
  NicReport nic;
  std::string mac;
  uint64_t ifindex = 0;
  uint64_t home = 0;
  JsonReader reader(json, "nics[]");
  reader.Get("name", &nic.name).Get("state", &nic.state).Get("mac", &mac);
  reader.Optional("ifindex", &ifindex).Optional("home", &home).Optional("carrier", &nic.carrier);
  reader.Optional("xdp", &nic.xdp).Optional("tc", &nic.tc).Optional("notes", &nic.notes);
  ReadTime(&reader, "since", &nic.since);
  reader.Optional("cause", &nic.cause).Optional("mend", &nic.mend);
  ReadTime(&reader, "cause_since", &nic.cause_since);
  RETURN_IF_ERROR(reader.status());
  nic.ifindex = IfIndex{static_cast<uint32_t>(ifindex)};
  nic.home = HomeIndex{static_cast<uint32_t>(home)};
  if (!mac.empty()) {
    ASSIGN_OR_RETURN(nic.mac, MacAddress::Parse(mac));
  }
  return nic;
}

absl::StatusOr<AddressReport> AddressFromJson(const Json& json) {
  AddressReport address;
  JsonReader reader(json, "addresses[]");
  reader.Get("ip", &address.ip).Get("home", &address.home).Optional("wire", &address.wire);
  reader.Optional("origin", &address.origin);
  ReadTime(&reader, "since", &address.since);
  RETURN_IF_ERROR(reader.status());
  return address;
}

absl::StatusOr<PrefixReport> PrefixFromJson(const Json& json) {
  PrefixReport prefix;
  JsonReader reader(json, "prefixes[]");
  reader.Get("prefix", &prefix.prefix).Get("home", &prefix.home).Optional("wire", &prefix.wire);
  RETURN_IF_ERROR(reader.status());
  return prefix;
}

absl::StatusOr<GatewayReport> GatewayFromJson(const Json& json) {
  GatewayReport gateway;
  std::string mac;
  JsonReader reader(json, "gateways[]");
  reader.Get("ip", &gateway.ip).Get("nic", &gateway.nic).Get("state", &gateway.state);
  reader.Optional("mac", &mac);
  ReadTime(&reader, "since", &gateway.since);
  ReadTime(&reader, "heard", &gateway.heard);
  RETURN_IF_ERROR(reader.status());
  if (!mac.empty()) {
    ASSIGN_OR_RETURN(gateway.mac, MacAddress::Parse(mac));
  }
  return gateway;
}

// Pieces of a status may lack `mac` and `nics`, so only the name is asked for.
absl::StatusOr<GroupReport> GroupFromJson(const Json& json) {
  GroupReport group;
  JsonReader reader(json, "groups[]");
  reader.Get("name", &group.name).Optional("mac", &group.mac);
  if (const Json* nics = reader.Array("nics"); nics != nullptr) {
    for (const Json& nic : *nics) {
      ASSIGN_OR_RETURN(group.nics.emplace_back(), NicFromJson(nic));
    }
  }
  if (const Json* addresses = reader.Array("addresses"); addresses != nullptr) {
    group.addresses.reserve(addresses->size());
    for (const Json& address : *addresses) {
      ASSIGN_OR_RETURN(group.addresses.emplace_back(), AddressFromJson(address));
    }
  }
  if (const Json* prefixes = reader.Array("prefixes"); prefixes != nullptr) {
    for (const Json& prefix : *prefixes) {
      ASSIGN_OR_RETURN(group.prefixes.emplace_back(), PrefixFromJson(prefix));
    }
  }
  if (const Json* gateways = reader.Array("gateways"); gateways != nullptr) {
    for (const Json& gateway : *gateways) {
      ASSIGN_OR_RETURN(group.gateways.emplace_back(), GatewayFromJson(gateway));
    }
  }
  RETURN_IF_ERROR(reader.status());
  return group;
}

absl::Status CountersFromJson(JsonReader* reader, StatusReport* report) {
  if (const Json* counters = reader->Object("counters"); counters != nullptr) {
    JsonReader values(*counters, "counters");
    for (const auto& [verdict, packets] : counters->items()) {
      values.Optional(verdict.c_str(), &report->counters[verdict]);
    }
    RETURN_IF_ERROR(values.status());
  }
  const Json* nics = reader->Object("nic_counters");
  if (nics == nullptr) {
    return absl::OkStatus();
  }
  for (const auto& [nic, verdicts] : nics->items()) {
    if (!verdicts.is_object()) {
      return absl::InvalidArgumentError("nic_counters{} is no JSON object");
    }
    auto& of_nic = report->nic_counters[nic];
    for (const auto& [verdict, counter] : verdicts.items()) {
      CounterReport& out = of_nic[verdict];
      JsonReader values(counter, "nic_counters{}");
      values.Optional("packets", &out.packets).Optional("bytes", &out.bytes);
      RETURN_IF_ERROR(values.status());
    }
  }
  return absl::OkStatus();
}

absl::Status AgentFromJson(const Json& json, AgentReport* agent) {
  JsonReader reader(json, "agent");
  reader.Optional("version", &agent->version).Optional("pid", &agent->pid);
  reader.Optional("pin_dir", &agent->pin_dir);
  reader.Optional("carrier_signals", &agent->carrier_signals);
  reader.Optional("no_fentry", &agent->no_fentry);
  ReadTime(&reader, "started", &agent->started);
  return reader.status();
}

}  // namespace

Json StatusToJson(const StatusReport& report) {
  Json json = HeadToJson(report);
  for (size_t i = 0; i < report.groups.size(); ++i) {
    const GroupReport& group = report.groups[i];
    json["groups"][i]["addresses"] = AddressesToJson(group, 0, group.addresses.size());
  }
  return json;
}

absl::StatusOr<StatusReport> StatusFromJson(const Json& json) {
  StatusReport report;
  JsonReader reader(json, "status");
  const Json* groups = reader.Array("groups");
  if (groups == nullptr) {
    reader.Fail("groups", "array");
    return reader.status();
  }
  for (const Json& group : *groups) {
    ASSIGN_OR_RETURN(report.groups.emplace_back(), GroupFromJson(group));
  }
  RETURN_IF_ERROR(CountersFromJson(&reader, &report));
  reader.Optional("problems", &report.problems);
  if (const Json* agent = reader.Object("agent"); agent != nullptr) {
    RETURN_IF_ERROR(AgentFromJson(*agent, &report.agent));
  }
  RETURN_IF_ERROR(reader.status());
  return report;
}

Json ExplainToJson(const ExplainReport& report) {
  return {{"source", report.source},
          {"destination", report.destination},
          {"home", NullIfEmpty(report.home)},
          {"wire", NullIfEmpty(report.wire)},
          {"action", report.action},
          {"next_hop", report.next_hop ? Json(*report.next_hop) : Json()},
          {"why", report.why}};
}

absl::StatusOr<ExplainReport> ExplainFromJson(const Json& json) {
  ExplainReport report;
  std::string next_hop;
  JsonReader reader(json, "explain");
  reader.Get("source", &report.source).Get("destination", &report.destination);
  reader.Get("action", &report.action).Optional("home", &report.home);
  reader.Optional("wire", &report.wire).Optional("next_hop", &next_hop);
  reader.Optional("why", &report.why);
  RETURN_IF_ERROR(reader.status());
  if (!next_hop.empty()) {
    report.next_hop = next_hop;
  }
  return report;
}

StatusPieces::StatusPieces(StatusReport report, size_t chunk)
    : report_(std::move(report)), chunk_(std::max<size_t>(chunk, 1)) {}

void StatusPieces::SkipFinishedGroups() {
  while (group_ < report_.groups.size() && address_ == report_.groups[group_].addresses.size()) {
    ++group_;
    address_ = 0;
  }
}

Json StatusPieces::Next() {
  Json piece;
  if (head_due_) {
    head_due_ = false;
    piece = HeadToJson(report_);
  } else {
    const GroupReport& group = report_.groups[group_];
    const size_t last = std::min(address_ + chunk_, group.addresses.size());
    piece["groups"] = Json::array(
        {{{"name", group.name}, {"addresses", AddressesToJson(group, address_, last)}}});
    address_ = last;
  }
  SkipFinishedGroups();
  return piece;
}

void MergeStatus(StatusReport piece, StatusReport* report) {
  for (GroupReport& group : piece.groups) {
    const auto known =
        std::find_if(report->groups.begin(), report->groups.end(),
                     [&group](const GroupReport& other) { return other.name == group.name; });
    if (known == report->groups.end()) {
      report->groups.push_back(std::move(group));
      continue;
    }
    known->addresses.insert(known->addresses.end(),
                            std::make_move_iterator(group.addresses.begin()),
                            std::make_move_iterator(group.addresses.end()));
  }
  for (auto& [verdict, packets] : piece.counters) {
    report->counters[verdict] = packets;
  }
  for (auto& [nic, verdicts] : piece.nic_counters) {
    report->nic_counters[nic] = std::move(verdicts);
  }
  std::move(piece.problems.begin(), piece.problems.end(), std::back_inserter(report->problems));
  if (!piece.agent.version.empty()) {
    report->agent = std::move(piece.agent);
  }
}

}  // namespace stronghost
