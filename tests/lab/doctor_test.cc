// `stronghost doctor`: the real command on the lab's server, with and without an agent.
#include <sys/socket.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class DoctorLab : public AgentLab {
 protected:
  // The checks; the exit status has to be as told.
  Json Doctor(int exit_status) {
    const auto result = agent().Command({"doctor", "--json", "--config", agent().config_path()});
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, exit_status) << result->output;
    // What is said on stderr stands behind it.
    const std::string text = result->output.substr(0, result->output.rfind('}') + 1);
    return Json::parse(text, nullptr, /*allow_exceptions=*/false);
  }
  // "status: detail" of the first check of that name whose detail contains `about`; "": none.
  static std::string Find(const Json& doctor, const std::string& name,
                          const std::string& about = "") {
    for (const Json& check : doctor.at("checks")) {
      const std::string detail = check.at("detail");
      if (check.at("name") == name && absl::StrContains(detail, about)) {
        return absl::StrCat(check.at("status").get<std::string>(), ": ", detail);
      }
    }
    return "";
  }
};

TEST_F(DoctorLab, TellsAGoodHostFromOneWithFaults) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {.nics = 3}));
  const Json good = Doctor(0);
  EXPECT_THAT(Find(good, "agent"), HasSubstr("ok: stronghostd"));
  EXPECT_THAT(Find(good, "hooks", "eth0"), HasSubstr("ok: eth0: tc "));
  EXPECT_THAT(Find(good, "members"), HasSubstr("ok: all are there"));
  EXPECT_THAT(Find(good, "arp"), HasSubstr("ok: "));
  EXPECT_THAT(Find(good, "btf"), HasSubstr("ok: "));
  EXPECT_THAT(Find(good, "forwarding"), HasSubstr("ok: ip_forward = 0"));

  ASSERT_OK(lab().server().SetSysctl("net/ipv4/conf/all/arp_ignore", "1"));
  ASSERT_OK(lab().server().SetSysctl("net/ipv4/conf/eth0/rp_filter", "1"));
  ASSERT_OK(
      lab().server().IpBatch("link add br9 type bridge\nlink set eth2 master br9\n"
                             "link set eth1 mtu 1400\n"));
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(lab().AwaitLink(1, false));
  const Json bad = Doctor(1);
  EXPECT_THAT(Find(bad, "members", "port of bridge"), HasSubstr("fail: 'eth2' is a port"));
  EXPECT_THAT(Find(bad, "members", "MTU"), HasSubstr("warn: "));
  EXPECT_THAT(Find(bad, "members", "eth1 has no carrier"), HasSubstr("warn: "));
  EXPECT_THAT(Find(bad, "arp"), HasSubstr("warn: net.ipv4.conf.all.arp_ignore = 1"));
  EXPECT_THAT(Find(bad, "rp_filter"), HasSubstr("ok: strict on eth0"));

  const auto elsewhere =
      lab().client().Exec({ProgramPath("stronghost"), "--socket", agent().socket_path(), "doctor"});
  ASSERT_OK(elsewhere);
  EXPECT_THAT(elsewhere->output, HasSubstr("agent: the agent at the socket serves another"));

  ASSERT_OK(agent().Kill());
  EXPECT_THAT(Find(Doctor(1), "agent"), HasSubstr("warn: no agent answers"));
}

}  // namespace
}  // namespace stronghost::lab
