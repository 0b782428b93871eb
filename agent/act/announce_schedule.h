// When announcements leave. Pure: time comes in as an argument, frames go out as a result.
//
// What a job sends:
//
//   follow  learning frame at 0, 100 ms and 1 s. Nothing changed for the peers, so no ARP and no
//           NA, unless `announce_addresses` asks for them.
//   stay    per IPv4 address 2 ARP announcements 2 s apart (RFC 5227 section 1.1: ANNOUNCE_NUM,
//           ANNOUNCE_INTERVAL), per IPv6 address 3 unsolicited NAs 1 s apart (RFC 4861 section
//           7.2.6 and 10: MAX_NEIGHBOR_ADVERTISEMENT, RetransTimer). Their source MAC teaches the
//           switch as well.
//   both    membership reports at 0 and 1 s (RFC 3376 section 8.1 and 8.11: robustness 2,
//           unsolicited report interval 1 s).
//
// Why the learning frame is repeated: BPF may flip the wire before the switch has seen its own
// side of the loss. A switch that then flushes the dead port late can lose the entry that the first
// frame made (hence 100 ms), and a port that rapid spanning tree is still negotiating forwards
// nothing yet (hence 1 s). Whatever takes longer (classic spanning tree, 30 s) is taught by the
// home's own traffic.
//
// The limit for homes that flip back and forth, per address and across jobs (also when the address
// changes its home):
//   1. Two announcements with the same MAC are never closer than the interval above. As long as
//      the MAC stays, a job that is started again within 10 s goes on counting to the number above.
//   2. A changed MAC makes the last announcement false, so it is announced at once; its
//      repetitions replace the old MAC's.
//   3. But no more than 3 NAs or 2 ARP announcements at once, regained at one a second (RFC 1122
//      section 2.3.2.1 for ARP, RetransTimer for NA). Only a home that flips faster than that,
//      for longer, waits: at most a second, for the MAC that holds then.
//
// Pacing: at most 256 frames a wire and turn, and 2 ms until the next turn, so that 10,000
// addresses (80 ms) neither block the loop nor overrun the wire's queue. Order: learning frames
// (outside the limit: they are few, and every peer waits for them), membership reports, first
// announcements, repetitions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "agent/act/announce_frames.h"
#include "agent/base/net_types.h"

namespace stronghost {

constexpr absl::Duration kArpInterval = absl::Seconds(2);  // ANNOUNCE_INTERVAL
constexpr int kArpCount = 2;                               // ANNOUNCE_NUM
constexpr absl::Duration kNaInterval = absl::Seconds(1);   // RetransTimer
constexpr int kNaCount = 3;                                // MAX_NEIGHBOR_ADVERTISEMENT
constexpr absl::Duration kAnnounceRegain = absl::Seconds(1);
constexpr absl::Duration kAnnounceMemory = absl::Seconds(10);
constexpr std::array<absl::Duration, 3> kLearningDelays = {
    absl::ZeroDuration(), absl::Milliseconds(100), absl::Seconds(1)};
constexpr absl::Duration kReportRepeat = absl::Seconds(1);
constexpr size_t kFramesPerTurn = 256;
constexpr absl::Duration kTurnPause = absl::Milliseconds(2);

// A home got a new wire (or its first, or its own back).
struct AnnounceJob {
  HomeIndex home = HomeIndex::kNone;
  IfIndex wire = IfIndex::kNone;
  MacAddress mac;  // what peers must learn: the home's (follow) or the wire's (stay)
  bool stay = false;
  MacAddress home_mac;              // what the switch must learn (follow)
  bool announce_addresses = false;  // follow: announce the addresses as well
  bool router = false;              // the home forwards IPv6: R flag of its NAs
  // The home's unicast addresses. The first IPv4 one and the first link-local one are the sources
  // of the membership reports.
  std::vector<IpAddress> addresses;
  // Multicast groups that the home is in, both families (memberships.h).
  std::vector<IpAddress> groups;
  int igmp_version = 3;  // what the home's querier speaks; 3 is right where there is none
};

// A frame that is to leave by `wire` now.
struct DueFrame {
  IfIndex wire = IfIndex::kNone;
  Frame bytes;
};

// All running announcements. Times are of any one clock that never goes back.
class AnnounceSchedule {
 public:
  // Begins a job; it replaces the home's running one. Nothing is sent before Due().
  void Start(AnnounceJob job, absl::Time now);

  // Drops the home's job, if there is one: the home is gone or no longer managed. What was
  // announced is remembered for the limit.
  void Cancel(HomeIndex home);

  // Takes out the frames to send now, in the order to send them. Call again at NextDue().
  std::vector<DueFrame> Due(absl::Time now);

  // When Due() has frames again; in the past if it has some already. None: nothing is left.
  [[nodiscard]] std::optional<absl::Time> NextDue() const;

 private:
  enum class What { kLearning, kReport, kAddress };
  // Queues in their order of precedence.
  enum Turn : size_t { kLearningTurn, kReportTurn, kFirstTurn, kRepeatTurn, kTurns };

  struct Task {
    HomeIndex home = HomeIndex::kNone;
    What what = What::kLearning;
    size_t index = 0;  // into the job's reports or addresses
  };
  using Queue = absl::btree_map<std::pair<absl::Time, uint64_t>, Task>;
  struct Wire {
    std::array<Queue, kTurns> queues;
    absl::Time resume = absl::InfinitePast();  // pacing: not before, except learning frames
  };
  struct Job {
    AnnounceJob job;
    std::vector<Frame> reports;
    size_t pending = 0;  // tasks in the queues
  };

  // Link-local addresses are told apart by their home.
  using Key = std::pair<HomeIndex, IpAddress>;
  // What peers were told of an address, and by whom.
  struct Said {
    HomeIndex home = HomeIndex::kNone;  // whose job announces it now
    MacAddress mac;                     // what that job announces
    int count = 0;                      // how often it did
    absl::Time touched = absl::InfinitePast();
    MacAddress sent_mac;  // what was announced last
    absl::Time sent = absl::InfinitePast();
    absl::Time budget = absl::InfinitePast();  // when all of rule 3 will have been regained
  };

  static Key KeyOf(HomeIndex home, const IpAddress& ip);
  static absl::Time Earliest(const Said& said, const IpAddress& ip, absl::Time now);
  void Push(Job& job, Wire& wire, Turn turn, absl::Time due, What what, size_t index);
  void QueueAddress(Job& job, Wire& wire, size_t index, absl::Time now);
  void Drain(Wire& wire, Turn turn, absl::Time now, size_t limit, std::vector<DueFrame>& out);
  std::optional<Frame> Take(const Task& task, Job& job, Wire& wire, absl::Time now);
  void Forget(absl::Time now);

  absl::btree_map<HomeIndex, Job> jobs_;
  absl::btree_map<IfIndex, Wire> wires_;
  absl::flat_hash_map<Key, Said> said_;
  absl::Time next_forget_ = absl::InfinitePast();
  uint64_t sequence_ = 0;
};

}  // namespace stronghost
