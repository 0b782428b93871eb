#include "agent/act/state_json.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace stronghost {
namespace {

constexpr ptrdiff_t kRecentKinds = 16;

Json EncodeRoute(const RouteFact& route) {
  Json json = {{"table", route.table},   {"destination", route.destination.ToString()},
               {"metric", route.metric}, {"protocol", route.protocol},
               {"scope", route.scope},   {"flags", route.flags}};
  if (route.gateway.has_value()) {
    json["gateway"] = route.gateway->ToString();
  }
  if (route.source.has_value()) {
    json["source"] = route.source->ToString();
  }
  return json;
}

uint8_t DecodeByte(const Json& json) {
  const uint32_t value = DecodeNumber(json);
  if (value > std::numeric_limits<uint8_t>::max()) {
    throw std::invalid_argument(absl::StrCat(json.dump(), " is no 8-bit number"));
  }
  return static_cast<uint8_t>(value);
}

RouteFact DecodeRoute(const Json& json, IfIndex link) {
  RouteFact route;
  route.table = DecodeNumber(json.at("table"));
  route.destination = Decoded(IpPrefix::Parse(json.at("destination").get<std::string>()));
  route.link = link;
  route.metric = DecodeNumber(json.at("metric"));
  route.protocol = DecodeByte(json.at("protocol"));
  route.scope = DecodeByte(json.at("scope"));
  route.flags = DecodeNumber(json.at("flags"));
  if (json.contains("gateway")) {
    route.gateway = Decoded(IpAddress::Parse(json["gateway"].get<std::string>()));
  }
  if (json.contains("source")) {
    route.source = Decoded(IpAddress::Parse(json["source"].get<std::string>()));
  }
  return route;
}

Json EncodeRoutes(const std::vector<RouteFact>& routes) {
  Json json = Json::array();
  for (const RouteFact& route : routes) {
    json.push_back(EncodeRoute(route));
  }
  return json;
}

std::vector<RouteFact> DecodeRoutes(const Json& json, IfIndex link) {
  std::vector<RouteFact> routes;
  for (const Json& route : json) {
    routes.push_back(DecodeRoute(route, link));
  }
  return routes;
}

// CLOCK_MONOTONIC in seconds; the file does not outlive the boot.
void EncodeTime(Json& json, const char* key, absl::Time time) {
  if (time != absl::InfiniteFuture()) {
    json[key] = absl::ToUnixSeconds(time);
  }
}

absl::Time DecodeTime(const Json& json, const char* key) {
  return json.contains(key) ? absl::FromUnixSeconds(json[key].get<int64_t>())
                            : absl::InfiniteFuture();
}

// Left out where there is none.
void EncodeIp(Json& json, const char* key, const IpAddress& ip) {
  if (!ip.IsUnspecified()) {
    json[key] = ip.ToString();
  }
}

IpAddress DecodeIp(const Json& json, const char* key) {
  return json.contains(key) ? Decoded(IpAddress::Parse(json[key].get<std::string>())) : IpAddress();
}

Json EncodeResidence(const Residence& residence) {
  Json json = {{"origin", residence.origin},   {"home", residence.home},
               {"left", residence.left},       {"configured", residence.configured},
               {"adopted", residence.adopted}, {"settled", residence.settled},
               {"ordered", residence.ordered}, {"flags", residence.flags},
               {"scope", residence.scope},     {"protocol", residence.protocol}};
  if (residence.metric != 0) {
    json["metric"] = residence.metric;
  }
  EncodeIp(json, "broadcast", residence.broadcast);
  EncodeIp(json, "peer", residence.peer);
  if (!residence.label.empty()) {
    json["label"] = residence.label;
  }
  EncodeTime(json, "valid_until", residence.valid_until);
  EncodeTime(json, "preferred_until", residence.preferred_until);
  return json;
}

Residence DecodeResidence(const Json& json) {
  Residence residence;
  residence.origin = json.at("origin").get<std::string>();
  residence.home = json.at("home").get<std::string>();
  residence.left = json.at("left").get<std::set<std::string>>();
  residence.configured = json.at("configured").get<std::string>();
  residence.adopted = json.at("adopted").get<bool>();
  residence.settled = json.at("settled").get<bool>();
  residence.ordered = json.at("ordered").get<bool>();
  residence.flags = DecodeNumber(json.at("flags"));
  residence.scope = DecodeByte(json.at("scope"));
  residence.protocol = DecodeByte(json.at("protocol"));
  residence.metric = json.contains("metric") ? DecodeNumber(json["metric"]) : 0;
  residence.broadcast = DecodeIp(json, "broadcast");
  residence.peer = DecodeIp(json, "peer");
  residence.label = json.value("label", "");
  residence.valid_until = DecodeTime(json, "valid_until");
  residence.preferred_until = DecodeTime(json, "preferred_until");
  return residence;
}

}  // namespace

uint32_t DecodeNumber(const Json& json) {
  const auto value = json.is_number_unsigned() ? json.get<uint64_t>() : UINT64_MAX;
  if (value > std::numeric_limits<uint32_t>::max()) {
    throw std::invalid_argument(absl::StrCat(json.dump(), " is no 32-bit number"));
  }
  return static_cast<uint32_t>(value);
}

Json EncodeInventory(const Inventory& inventory) {
  std::vector<std::pair<Residence, Json>> alike;  // without the length -> addresses; few
  for (const auto& [ip, residence] : inventory.addresses) {
    Residence key = residence;
    key.length = 0;
    // Neighbours among addresses are alike; with lifetimes there may be as many kinds as addresses.
    const auto recent = alike.end() - std::min<ptrdiff_t>(std::ssize(alike), kRecentKinds);
    auto found =
        std::find_if(recent, alike.end(), [&key](const auto& entry) { return entry.first == key; });
    if (found == alike.end()) {
      found = alike.emplace(alike.end(), std::move(key), Json::array());
    }
    found->second.push_back(IpPrefix{ip, residence.length}.ToString());
  }
  Json json = {{"addresses", Json::array()}, {"nics", Json::object()}};
  for (auto& [residence, addresses] : alike) {
    Json entry = EncodeResidence(residence);
    entry["ips"] = std::move(addresses);
    json["addresses"].push_back(std::move(entry));
  }
  for (const auto& [name, nic] : inventory.nics) {
    json["nics"][name] = {{"link", ToInt(nic.link)},
                          {"mac", nic.mac.ToString()},
                          {"routes", EncodeRoutes(nic.routes)},
                          {"routes_lost", nic.routes_lost},
                          {"lent", EncodeRoutes(nic.lent)},
                          {"returned", EncodeRoutes(nic.returned)}};
  }
  return json;
}

Inventory DecodeInventory(const Json& json) {
  Inventory inventory;
  for (const Json& entry : json.at("addresses")) {
    Residence residence = DecodeResidence(entry);
    for (const Json& text : entry.at("ips")) {
      const auto prefix = Decoded(IpPrefix::Parse(text.get<std::string>()));
      residence.length = prefix.length;
      inventory.addresses[prefix.address] = residence;
    }
  }
  for (const auto& [name, entry] : json.at("nics").items()) {
    KnownNic& nic = inventory.nics[name];
    nic.link = IfIndex{DecodeNumber(entry.at("link"))};
    nic.mac = Decoded(MacAddress::Parse(entry.at("mac").get<std::string>()));
    nic.routes_lost = entry.at("routes_lost").get<bool>();
    nic.routes = DecodeRoutes(entry.at("routes"), nic.link);
    // The file of an older version has none of these.
    nic.lent = DecodeRoutes(entry.value("lent", Json::array()), nic.link);
    nic.returned = DecodeRoutes(entry.value("returned", Json::array()), nic.link);
  }
  return inventory;
}

}  // namespace stronghost
