// A server with a NIC at each of two providers, that drop what comes from foreign addresses.
#pragma once

#include <string>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/source_filter.h"

namespace stronghost::lab {

// eth0 and eth1, each a group of its own. Without gateways in the file, those of table main count.
inline std::string TwoGroups(bool gateways, const std::string& keys_of_second = "") {
  const auto group = [gateways](int segment) {
    std::string keys = absl::StrCat("[[group]]\nname = \"provider", segment, "\"\nnics = [\"eth",
                                    segment, "\"]\n");
    if (gateways) {
      absl::StrAppend(&keys, "gateways = [\"", LabPlan::GatewayAddress(segment, AF_INET).ToString(),
                      "\", \"", LabPlan::GatewayAddress(segment, AF_INET6).ToString(), "\"]\n");
    }
    return keys;
  };
  return absl::StrCat(group(0), group(1), keys_of_second);
}

// A second default route, through the second provider, as DHCP would add it.
inline absl::Status AddSecondDefault(Lab& lab) {
  std::string commands;
  for (const int family : {AF_INET, AF_INET6}) {
    absl::StrAppend(&commands, "route add default via ",
                    LabPlan::GatewayAddress(1, family).ToString(), " dev eth1 metric 2048\n");
  }
  return lab.server().IpBatch(commands);
}

class ProvidersLab : public AgentLab {
 protected:
  void BuildLab(const LabOptions& options = {.nics = 1, .segments = 2}) {
    auto lab = Lab::Create(options);
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    ASSERT_OK(FilterSources(*lab_));
  }
  void StartAgent(const std::string& groups) {
    auto agent = Agent::Start(lab().server(), {.groups = groups});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }
  // What `ip route show table T` says of the routes of the home whose rules name this source.
  std::string TableOf(const IpAddress& source) {
    const std::string family = source.IsV4() ? "-4" : "-6";
    const auto rules = lab().server().Check(
        {"ip", family, "rule", "show", "from", source.ToString(), "priority", "5301"});
    EXPECT_OK(rules);
    const size_t at = rules->find("lookup ");
    if (at == std::string::npos) {
      return "";
    }
    const std::string table = rules->substr(at + 7, rules->find_first_of(" \n", at + 7) - at - 7);
    const auto routes = lab().server().Exec({"ip", family, "route", "show", "table", table});
    EXPECT_OK(routes);
    return routes->output;
  }
  int64_t Counter(const std::string& verdict) {
    const auto status = agent().Status();
    EXPECT_OK(status);
    return status->at("counters").at(verdict).get<int64_t>();
  }
};

}  // namespace stronghost::lab
