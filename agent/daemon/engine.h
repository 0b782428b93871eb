// observe -> decide -> act, without the event loop: the daemon calls in when something is readable
// or due. One thread.
//
// Quick path: a wire is moved (map, announcement) before anything else is looked at; what remains
// (routes, rules, filters) follows in the same turn's Reconcile(). Whatever stops half-way is
// finished by the next Reconcile(), which always works from what is there, not from what was done.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/act/announce_schedule.h"
#include "agent/act/announcer.h"
#include "agent/act/kernel_record.h"
#include "agent/act/kernel_step.h"
#include "agent/act/memberships.h"
#include "agent/act/removal_limit.h"
#include "agent/act/state_file.h"
#include "agent/config/load.h"
#include "agent/daemon/path_watch.h"
#include "agent/datapath/datapath.h"
#include "agent/decide/decide.h"
#include "agent/decide/taken_away.h"
#include "agent/netlink/socket.h"
#include "agent/observe/carrier_poll.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/monitor.h"
#include "agent/observe/neighbor_watch.h"
#include "agent/observe/poll_pace.h"
#include "agent/serve/report.h"

namespace stronghost {

// A home got another wire.
struct WireChange {
  std::string group;
  std::string home;
  std::string from;
  std::string to;
  // "kernel" (BPF flipped), "carrier", "down", "gone", "drained", "flapping",
  // "path" (no gateway answers through `from`), "failback"
  std::string cause;
  // How long the home had no working wire, at most: the loss lies between the last poll that found
  // the old wire alive and the change. Zero for planned changes.
  absl::Duration outage;
};

// Addresses that live on another NIC from now on.
struct AddressesMoved {
  std::string group;
  std::string from;
  std::string to;
  std::string cause;  // "gone", "down", "carrier", "failback", "moved"
  uint64_t addresses = 0;
  // Masqueraded ones, of moves that were not forced (carrier, failback): the kernel ends them now.
  uint64_t sessions_ended = 0;
};

// Another state of a member.
struct NicChange {
  std::string group;
  std::string nic;
  std::string was;
  std::string state;
};

// What the engine tells its owner, who logs and counts.
struct EngineObserver {
  std::function<void(const WireChange&)> on_wire_change;
  std::function<void(const AddressesMoved&)> on_addresses_moved;
  std::function<void(const NicChange&)> on_nic_change;
  std::function<void(const PathChange&)> on_path_change;
  // Another host uses an address or a MAC of ours: a line that says which, and the mend.
  std::function<void(const std::string&)> on_conflict;
  // A packet that somebody traces.
  std::function<void(const sh_trace_record&)> on_packet;
  // Something did not work, or works less well than it could; each text once until it changes.
  std::function<void(const std::string&)> on_problem;
};

class Engine {
 public:
  // Opens everything and brings the machine into the configured state. `loaded` passed its own
  // checks; if it doesn't fit the machine nothing is changed, and the error names every place.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const LoadedConfig& loaded,
                                                       EngineObserver observer);

  // Descriptors that the loop watches for reading.
  [[nodiscard]] int kernel_events_fd() const { return monitor_->fd(); }
  [[nodiscard]] int bpf_events_fd() const { return datapath_->events_fd(); }
  [[nodiscard]] int neighbor_events_fd() const { return neighbors_->fd(); }

  // Called when they are readable.
  absl::Status OnKernelEvents();
  absl::Status OnBpfEvents();
  absl::Status OnNeighborEvents();
  // Called at NextPoll(): asks the links, and compares the paths in the map.
  void OnPoll();
  [[nodiscard]] absl::Time NextPoll() const;
  // Called at NextDue(): hold-downs, announcements, retries.
  void OnDue();
  [[nodiscard]] absl::Time NextDue() const;

  // Puts another configuration into force as a difference. On error the old one stays.
  absl::Status Reload(const LoadedConfig& loaded);

  // Planned: the wires of `nic` and of whatever it stands in for go elsewhere, homes stay. Kept in
  // the state file, so that it outlives this process. The last usable NIC of a group is refused,
  // unless `force`. kNotFound: no member has this name. On error nothing was changed.
  absl::StatusOr<DrainReport> Drain(const std::string& nic, bool force);
  // Back in service, and its home back on it at once, whatever `failback` says.
  absl::StatusOr<DrainReport> Undrain(const std::string& nic);

  // Planned: `address` lives on `nic` from now on, another NIC of its group; that is where it
  // belongs. In the state file before anything changes. kNotFound: it is not managed, or no member
  // has the name. kFailedPrecondition: `nic` is of another group, or not usable.
  absl::StatusOr<MoveReport> Move(const IpAddress& address, const std::string& nic);

  // What would become of homes and addresses if these members lost their link now, or (`gone`) were
  // removed. kNotFound: no member has the name.
  absl::StatusOr<WhatIfReport> WhatIf(const std::vector<std::string>& nics, bool gone);

  // Takes everything back: programs, maps, rules, routes, filters, knobs, addresses that the agent
  // added. kFailedPrecondition: nothing could be removed, and the engine goes on. Otherwise it is
  // of no use afterwards.
  absl::Status Detach();

  // For status and explain.
  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const Facts& facts() const { return facts_; }
  [[nodiscard]] const Decision& decision() const { return decision_; }
  [[nodiscard]] const Memory& memory() const { return memory_; }
  [[nodiscard]] const absl::btree_map<IfIndex, AttachReport>& attachments() const {
    return attachments_;
  }
  // "link 7" where there is none.
  [[nodiscard]] std::string NameOf(IfIndex link) const;
  // kNotFound, with the names there are: no member has the name.
  absl::StatusOr<const Member*> MemberNamed(const std::string& nic) const;
  [[nodiscard]] absl::Time StateSince(const std::string& nic) const;
  [[nodiscard]] std::vector<std::string> Problems() const;
  // Why the kernel does not flip at every loss of a carrier, and the mend; OK: it does.
  [[nodiscard]] const absl::Status& carrier_watch() const { return carrier_watch_; }
  [[nodiscard]] const PathWatch& paths() const { return paths_; }
  [[nodiscard]] Datapath& datapath() { return *datapath_; }
  [[nodiscard]] NetlinkSocket& netlink() { return *netlink_; }

 private:
  // What another host said of an address, or did with a MAC, of ours.
  struct Conflict {
    absl::Time last = absl::InfinitePast();
    absl::Time defended = absl::InfinitePast();
    IfIndex gone = IfIndex::kNone;  // the removed NIC whose MAC it was
    std::string text;               // who, and the mend
  };
  struct NicHistory {
    NicState state = NicState::kMissing;
    absl::Time since = absl::InfinitePast();
  };

  Engine(Config config, EngineObserver observer)
      : config_(std::move(config)), observer_(std::move(observer)) {}

  absl::Status Open();
  absl::Status ReadEverything();
  void Resynchronise();
  absl::Status CheckFacts(const LoadedConfig& loaded);
  absl::Status OpenDatapath();
  void AdoptPaths();
  void ForgetLink(IfIndex link);
  [[nodiscard]] bool IsOwnMac(const sh_mac& mac) const;
  void OnConflict(const sh_event& event);
  void OnMacConflict(const sh_event& event);
  Conflict& NoteConflict(const sh_event& event);
  [[nodiscard]] std::string HomeName(HomeIndex home) const;
  [[nodiscard]] std::vector<std::string> ConflictProblems() const;

  // Asks the links themselves. True: facts_ changed.
  bool RefreshLinks(bool gone_is_down);
  absl::StatusOr<bool> ReadEvents(bool& lost);
  void ForgetMac(IfIndex link);
  void SaveState();

  // A home's move, told and announced when all moves of the turn are in force.
  struct WireMove {
    HomeIndex home = HomeIndex::kNone;
    IfIndex from = IfIndex::kNone;
    IfIndex to = IfIndex::kNone;
    std::string cause;
  };

  // The quick path: paths and announcements only.
  void PlaceWires();
  void SyncPaths();
  bool SwapPaths(const Memory& desired);
  void Tell();
  void Announce(HomeIndex home);
  [[nodiscard]] AnnounceJob JobOf(HomeIndex home) const;
  void SendDue();
  [[nodiscard]] std::string RefusedBy(IfIndex wire) const;  // of refused_, as a problem
  [[nodiscard]] bool StandsIn(IfIndex wire) const;
  void Report(const WireMove& move);
  std::string CauseOf(HomeIndex home, IfIndex from, IfIndex to) const;

  // What the gateways say. True: something else has to be decided.
  bool LookAtPaths();

  // Everything.
  void Reconcile();
  void MoveIn();
  void CarryNeighborsOf(const Relocation& relocation);
  void AnnounceRelocations();
  void TellRelocations();
  void AnnounceOwners();
  void AnnounceArrived(HomeIndex home, std::vector<IpAddress> addresses);
  void KeepInventory();
  void LimitRemovals(std::vector<KernelStep>& steps);
  void SetKnobs();
  void WriteMaps();
  void AttachNics();
  void ApplyKernelState();
  void ReadMulticast();
  void NoteStates();
  void Problem(const std::string& topic, const absl::Status& status);
  void WatchCarrier();
  void SetReplySource();
  void WriteSources();
  void ClearProblem(const std::string& topic) { failures_.erase(topic); }
  void TryAgainLater() { try_again_ = true; }
  [[nodiscard]] DrainReport ReportDrain(const std::string& nic) const;

  Config config_;
  EngineObserver observer_;

  std::unique_ptr<NetlinkSocket> netlink_;
  std::unique_ptr<DriverNames> drivers_;
  std::unique_ptr<NetlinkMonitor> monitor_;
  std::unique_ptr<NeighborWatch> neighbors_;
  std::unique_ptr<CarrierPoller> poller_;
  PollPace pace_;
  absl::Time last_poll_ = absl::InfinitePast();
  std::unique_ptr<StateFile> state_file_;
  std::unique_ptr<Datapath> datapath_;
  Announcer announcer_;
  AnnounceSchedule announcements_;

  Facts facts_;
  Memberships memberships_;
  Memory memory_;
  Reach reach_;
  std::set<IfIndex> bounced_;  // links that were down since the last turn
  DatapathState applied_;      // what the maps hold
  Decision decision_;
  std::optional<std::vector<Sysctl>> applied_sysctls_;  // nullopt: set them all again
  absl::btree_map<IfIndex, AttachReport> attachments_;
  absl::btree_map<IfIndex, absl::Time> last_alive_;  // last poll that found carrier
  absl::btree_map<std::string, NicHistory> history_;
  absl::btree_map<std::string, std::string> failures_;  // topic -> what is wrong
  // Wires that refused announcements, and why; until they take some or stand in for nobody.
  absl::btree_map<IfIndex, std::string> refused_;
  // Addresses that a home took in lately, so that announcements go on when more comes.
  absl::btree_map<HomeIndex, std::pair<absl::Time, std::vector<IpAddress>>> arrived_;
  // The unspecified address: the home's MAC.
  absl::btree_map<std::pair<HomeIndex, IpAddress>, Conflict> conflicts_;
  TakenAway taken_away_;
  RemovalLimit removals_;
  std::vector<WireMove> moves_;  // in force, not told yet
  absl::Status carrier_watch_ = absl::UnknownError("not tried");
  bool check_reply_source_ = true;
  bool resync_ = false;         // facts_ may be wrong: read everything again
  bool try_again_ = false;      // something failed in this turn
  absl::Duration retry_delay_;  // grows while it fails
  absl::Time retry_ = absl::InfiniteFuture();
  PathWatch paths_;
  absl::Time look_ = absl::InfiniteFuture();  // at the paths
  absl::Time save_ = absl::InfiniteFuture();  // the inventory
  absl::Time refresh_ = absl::InfiniteFuture();
};

}  // namespace stronghost
