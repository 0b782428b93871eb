// Where addresses live: as the agent says, and as the kernel has it.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"

namespace stronghost::lab {

class RelocationLab : public AgentLab {
 protected:
  // The NIC that the agent says `ip` lives on; "": it is not managed.
  std::string HomeOf(const IpAddress& ip) {
    const auto status = agent().Status();
    EXPECT_OK(status);
    for (const auto& group : status->at("groups")) {
      for (const auto& address : group.at("addresses")) {
        if (address.at("ip") == ip.ToString()) {
          return address.at("home");
        }
      }
    }
    return "";
  }
  void AwaitHome(const std::string& nic, int home = 0) {
    for (const int family : {AF_INET, AF_INET6}) {
      ASSERT_OK(Await(
          absl::Seconds(10),
          [&] {
            return HomeOf(Address(home, family)) == nic &&
                   NicsWith(Address(home, family)) == std::vector<std::string>{nic};
          },
          absl::StrCat(Address(home, family).ToString(), " to live on ", nic)))
          << agent().Log();
    }
  }
  // The NICs that have `ip` in the kernel.
  std::vector<std::string> NicsWith(const IpAddress& ip) {
    const auto json = lab().server().Check({"ip", "-json", "addr", "show"});
    EXPECT_OK(json);
    std::vector<std::string> nics;
    for (const auto& link : nlohmann::json::parse(*json)) {
      for (const auto& address : link.value("addr_info", nlohmann::json::array())) {
        if (address.value("local", "") == ip.ToString()) {
          nics.push_back(link.at("ifname"));
        }
      }
    }
    return nics;
  }
  // The IPv4 routes of table main, in the order of their text.
  std::vector<std::string> Routes() {
    const auto output = lab().server().Check({"ip", "-4", "route", "show"});
    EXPECT_OK(output);
    std::vector<std::string> routes = absl::StrSplit(output.value_or(""), '\n', absl::SkipEmpty());
    std::sort(routes.begin(), routes.end());
    return routes;
  }
  void AwaitRoutes(const std::vector<std::string>& wanted) {
    EXPECT_OK(Await(
        absl::Seconds(10), [&] { return Routes() == wanted; }, "the routes of table main"))
        << absl::StrJoin(Routes(), "\n") << "\nwanted:\n"
        << absl::StrJoin(wanted, "\n");
  }
  // Runs the command and returns its output, which has to end as told.
  std::string Order(const std::vector<std::string>& command, int exit_status = 0) {
    const auto result = agent().Command(command);
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, exit_status) << result->output << agent().Log();
    return result->output;
  }
};

}  // namespace stronghost::lab
