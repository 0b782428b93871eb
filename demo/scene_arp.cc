#include "demo/scene_arp.h"

#include <sys/socket.h>

#include <set>

#include "agent/base/status.h"
#include "tests/lib/arp_probe.h"

namespace stronghost::demo {
namespace {

constexpr int kRequests = 100;

}  // namespace

absl::StatusOr<std::vector<ArpScore>> AskByArp(Stage& stage) {
  ASSIGN_OR_RETURN(lab::ArpProbe probe, lab::ArpProbe::Open(stage.lab()));
  std::vector<ArpScore> scores;
  for (int nic = 0; nic < stage.plan().nic_count(); ++nic) {
    const IpAddress address = stage.plan().NicAddress(nic, AF_INET);
    ASSIGN_OR_RETURN(const lab::AnswerCounts counts, probe.AskMany(address, kRequests));
    ArpScore score{.address = address.ToString(), .asked = counts.asked};
    std::set<MacAddress> macs;
    for (const auto& [answer, number] : counts.answers) {
      score.answers += number;
      score.not_owner += answer.mac == lab::LabPlan::NicMac(nic) ? 0 : number;
      macs.insert(answer.mac);
    }
    score.macs = static_cast<int>(macs.size());
    scores.push_back(std::move(score));
  }
  return scores;
}

}  // namespace stronghost::demo
