// Another host claims an address of ours.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/daemon/engine.h"

namespace stronghost {
namespace {

constexpr absl::Duration kDefendInterval = absl::Seconds(10);  // RFC 5227 section 1.1
constexpr absl::Duration kTold = absl::Minutes(5);

}  // namespace

// BPF knows the members of the home's group; a NIC of this host outside it is no intruder either.
bool Engine::IsOwnMac(const sh_mac& mac) const {
  return std::any_of(facts_.links.begin(), facts_.links.end(), [&mac](const auto& entry) {
    return std::equal(std::begin(mac.bytes), std::end(mac.bytes), entry.second.mac.bytes.begin());
  });
}

void Engine::OnConflict(const sh_event& event) {
  const IpAddress ip = IpAddress::FromBytes16(event.ip.bytes);
  const HomeIndex home{event.home};
  const absl::Time now = MonotonicNow();
  absl::erase_if(conflicts_, [now](const auto& entry) { return entry.second.last + kTold < now; });
  Conflict& conflict = conflicts_[{home, ip}];
  std::copy(std::begin(event.mac.bytes), std::end(event.mac.bytes), conflict.mac.bytes.begin());
  conflict.last = now;
  observer_.on_conflict(event);
  const auto known = applied_.homes.find(home);
  if (known == applied_.homes.end() || !memory_.contains(home) ||
      conflict.defended + kDefendInterval > now) {
    return;
  }
  const uint32_t group = known->second.group;
  if (group < 1 || group > config_.groups.size() ||
      config_.groups[group - 1].conflict != ConflictMode::kDefend) {
    return;
  }
  conflict.defended = now;
  ClearProblem(absl::StrCat("defend ", ip.ToString()));
  const AnnounceJob job = JobOf(home);
  const DueFrame frame{
      job.wire, ip.IsV4() ? ArpAnnouncement(ip, job.mac) : UnsolicitedNa(ip, job.mac, job.router)};
  for (const SendFailure& failure : announcer_.Send({frame}).failures) {
    Problem(absl::StrCat("defend ", ip.ToString()), failure.status);
  }
}

std::vector<std::string> Engine::ConflictProblems() const {
  std::vector<std::string> problems;
  for (const auto& [key, conflict] : conflicts_) {
    if (conflict.last + kTold > MonotonicNow()) {
      problems.push_back(absl::StrCat(conflict.mac.ToString(), " claims ", key.second.ToString(),
                                      ", which is ours; find that host and give it another ",
                                      "address"));
    }
  }
  return problems;
}

}  // namespace stronghost
