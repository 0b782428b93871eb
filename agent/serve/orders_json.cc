#include "agent/serve/orders_json.h"

#include <utility>

#include "agent/base/status.h"

namespace stronghost {

Json DrainToJson(const DrainReport& report) {
  return {{"nic", report.nic},
          {"state", report.state},
          {"wire", NullIfEmpty(report.wire)},
          {"addresses", report.addresses}};
}

absl::StatusOr<DrainReport> DrainFromJson(const Json& json) {
  DrainReport report;
  JsonReader reader(json, "drain");
  reader.Get("nic", &report.nic).Get("state", &report.state);
  reader.Optional("wire", &report.wire).Optional("addresses", &report.addresses);
  RETURN_IF_ERROR(reader.status());
  return report;
}

Json WhatIfToJson(const WhatIfReport& report) {
  Json homes = Json::array();
  for (const WhatIfHome& home : report.homes) {
    homes.push_back({{"group", home.group},
                     {"nic", home.nic},
                     {"wire", NullIfEmpty(home.wire)},
                     {"then", NullIfEmpty(home.then)},
                     {"addresses", home.addresses}});
  }
  Json relocated = Json::array();
  for (const RelocatedReport& some : report.relocated) {
    relocated.push_back({{"from", some.origin}, {"to", some.home}, {"addresses", some.addresses}});
  }
  return {{"homes", homes}, {"relocated", relocated}};
}

absl::StatusOr<WhatIfReport> WhatIfFromJson(const Json& json) {
  WhatIfReport report;
  JsonReader reader(json, "what-if");
  if (const Json* homes = reader.Array("homes"); homes != nullptr) {
    for (const Json& object : *homes) {
      WhatIfHome home;
      JsonReader of_home(object, "homes[]");
      of_home.Get("group", &home.group).Get("nic", &home.nic);
      of_home.Optional("wire", &home.wire)
          .Optional("then", &home.then)
          .Optional("addresses", &home.addresses);
      RETURN_IF_ERROR(of_home.status());
      report.homes.push_back(std::move(home));
    }
  }
  if (const Json* relocated = reader.Array("relocated"); relocated != nullptr) {
    for (const Json& object : *relocated) {
      RelocatedReport some;
      JsonReader of_some(object, "relocated[]");
      of_some.Get("from", &some.origin)
          .Get("to", &some.home)
          .Optional("addresses", &some.addresses);
      RETURN_IF_ERROR(of_some.status());
      report.relocated.push_back(std::move(some));
    }
  }
  RETURN_IF_ERROR(reader.status());
  return report;
}

Json MoveToJson(const MoveReport& report) {
  return {{"address", report.address},
          {"from", report.from},
          {"to", report.to},
          {"sessions_ended", report.sessions_ended},
          {"expires_in", report.expires_in}};
}

absl::StatusOr<MoveReport> MoveFromJson(const Json& json) {
  MoveReport report;
  JsonReader reader(json, "move");
  reader.Get("address", &report.address).Get("from", &report.from).Get("to", &report.to);
  reader.Optional("sessions_ended", &report.sessions_ended)
      .Optional("expires_in", &report.expires_in);
  RETURN_IF_ERROR(reader.status());
  return report;
}

}  // namespace stronghost
