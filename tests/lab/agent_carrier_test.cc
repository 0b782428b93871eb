// Whether the kernel flips at every loss of a carrier. Where it refuses that, status and doctor say
// so and the other signals do (lab_pull, lab_stand_in); that it does is shown by the packet ring
// (DatapathCarrierTest) and by tests/vm/ring/carrier-silent.
#include <unistd.h>

#include <algorithm>

#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class Carrier : public AgentLab {
 protected:
  void BuildWith(int nics) {
    ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {.nics = nics}));
    const auto status = agent().Status();
    ASSERT_OK(status);
    const Json& signals = status->at("agent").at("carrier_signals");
    watched_ = std::find(signals.begin(), signals.end(), "fentry") != signals.end();
  }

  bool watched_ = false;
};

TEST_F(Carrier, StatusAndDoctorSayIfTheKernelSeesItWithoutTraffic) {
  ASSERT_NO_FATAL_FAILURE(BuildWith(2));
  const bool pinned = access((agent().pin_dir() + "/links/carrier").c_str(), F_OK) == 0;
  EXPECT_EQ(watched_, pinned);
  const auto shown = agent().Command({"status"});
  const auto doctor = agent().Command({"doctor"});
  ASSERT_OK(shown);
  ASSERT_OK(doctor);
  if (watched_) {
    EXPECT_THAT(shown->output, HasSubstr("carrier by fentry, "));
    EXPECT_THAT(doctor->output, HasSubstr("a lost carrier is seen by fentry, "));
  } else {
    EXPECT_THAT(shown->output, AnyOf(HasSubstr("carrier by egress, poll, rtnetlink"),
                                     HasSubstr("carrier by poll, rtnetlink")));
    EXPECT_THAT(doctor->output, HasSubstr("the kernel refuses programs on its functions"));
  }
  EXPECT_THAT(agent().Log(), Not(HasSubstr("netif_carrier_off"))) << "a refusal is no problem";
  EXPECT_THAT(shown->output, Not(HasSubstr("problems")));
}

}  // namespace
}  // namespace stronghost::lab
