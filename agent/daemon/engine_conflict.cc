// Another host claims an address of ours, or sends under a MAC of ours.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/daemon/engine.h"
#include "agent/decide/acceptance.h"

namespace stronghost {
namespace {

constexpr absl::Duration kDefendInterval = absl::Seconds(10);  // RFC 5227 section 1.1
constexpr absl::Duration kTold = absl::Minutes(5);
// What a NIC sent before its home moved may arrive on the new wire afterwards.
constexpr absl::Duration kOnTheWay = absl::Seconds(1);

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
  if (Unaccepted(facts_).contains(ip)) {
    return;  // it is not ours (yet): status tells of it
  }
  Conflict& conflict = NoteConflict(event);
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

// BPF reports at most one a second for each home.
void Engine::OnMacConflict(const sh_event& event) {
  const HomeIndex home{event.home};
  const auto known = applied_.homes.find(home);
  const auto placed = memory_.find(home);
  if (known == applied_.homes.end() ||
      !std::equal(std::begin(event.mac.bytes), std::end(event.mac.bytes),
                  known->second.mac.bytes.begin())) {
    return;  // an old event: the slot is another NIC's by now
  }
  if (placed != memory_.end() && placed->second.since + kOnTheWay > MonotonicNow()) {
    return;
  }
  Conflict& conflict = NoteConflict(event);
  const IfIndex gone = known->second.alias ? known->second.link : IfIndex::kNone;
  if (gone != IfIndex::kNone && conflict.gone == gone) {
    // Told twice: the NIC that was gone is at work again, in another machine or a guest.
    ForgetMac(gone);
    Reconcile();
  }
  conflict.gone = gone;
}

Engine::Conflict& Engine::NoteConflict(const sh_event& event) {
  const absl::Time now = MonotonicNow();
  absl::erase_if(conflicts_, [now](const auto& entry) { return entry.second.last + kTold < now; });
  const bool of_mac = event.type == SH_EVENT_MAC_CONFLICT;
  Conflict& conflict = conflicts_[{HomeIndex{event.home},
                                   of_mac ? IpAddress() : IpAddress::FromBytes16(event.ip.bytes)}];
  MacAddress mac;
  std::copy(std::begin(event.mac.bytes), std::end(event.mac.bytes), mac.bytes.begin());
  conflict.last = now;
  conflict.text =
      of_mac ? absl::StrCat("MAC conflict: frames under ", mac.ToString(), ", the MAC of ",
                            HomeName(HomeIndex{event.home}), ", come in on ",
                            NameOf(IfIndex{event.ifindex}),
                            ", which carries its frames: another NIC or host has the same MAC, or ",
                            "the switch has a loop; give one of them another MAC")
             : absl::StrCat("address conflict: ", mac.ToString(), " claims ",
                            IpAddress::FromBytes16(event.ip.bytes).ToString(),
                            ", which is ours; find that host and give it another address");
  observer_.on_conflict(conflict.text);
  return conflict;
}

std::string Engine::HomeName(HomeIndex home) const {
  const auto known = applied_.homes.find(home);
  return known == applied_.homes.end() ? "a NIC" : known->second.name;
}

std::vector<std::string> Engine::ConflictProblems() const {
  std::vector<std::string> problems;
  for (const auto& [key, conflict] : conflicts_) {
    if (conflict.last + kTold > MonotonicNow()) {
      problems.push_back(conflict.text);
    }
  }
  return problems;
}

}  // namespace stronghost
