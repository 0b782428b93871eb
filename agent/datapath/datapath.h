// The kernel half of Stronghost as one object: programs, maps, hooks, pins. It decides nothing.
//
// Threading: one thread at a time; its network namespace is the one that is served.
// Survival:  everything is pinned, so the death of the process changes nothing in the kernel. The
//            next Open() adopts the maps with their contents, AttachNic() replaces programs in
//            place. Only DetachNic(), DetachAll() and DetachPinned() take anything away.
// Failure:   Status that names the step, the object and the mend; libbpf never writes to stderr.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/config/config.h"
#include "agent/datapath/counters.h"
#include "agent/datapath/event_ring.h"
#include "agent/datapath/loaded_object.h"
#include "agent/datapath/pin_folder.h"
#include "agent/datapath/report.h"
#include "agent/datapath/source_maps.h"
#include "agent/datapath/state_maps.h"
#include "agent/datapath/trace_filter.h"
#include "agent/decide/desired.h"

namespace stronghost {

struct DatapathOptions {
  std::string pin_dir;  // absolute, on a bpf file system or under /sys/fs/bpf
  TcMode tc = TcMode::kAuto;
};

class Datapath {
 public:
  // Finds or mounts the bpf file system, takes the pin folder for this process, adopts or makes
  // the maps, loads the programs. Attaches nothing. FAILED_PRECONDITION: another daemon has the
  // folder, or tcx was asked for and the kernel has none.
  static absl::StatusOr<std::unique_ptr<Datapath>> Open(const DatapathOptions& options);

  [[nodiscard]] TcKind tc_kind() const { return tc_kind_; }
  // Maps of an earlier run were found: read the state before applying one.
  [[nodiscard]] bool adopted() const { return object_.adopted(); }
  // Maps of an earlier run had another layout (what differs); "": no. Its programs work with them
  // until AttachNic() replaces them, so apply a state before that.
  [[nodiscard]] const std::string& replaced() const { return object_.replaced(); }
  // The first packet after a loss of carrier flips the wire in the kernel (Linux 6.2).
  [[nodiscard]] bool can_read_carrier() const { return object_.can_read_carrier(); }

  // Every loss of a carrier flips the wires of that NIC in the kernel, traffic or not. Apply a
  // state first. An error says why this kernel can't, and the mend; the other signals remain.
  absl::Status WatchCarrier();

  // Puts steer, deliver and guard on the NIC, or replaces what an earlier run left there, without
  // a moment in between. Programs of others stay. On error a NIC that had nothing has nothing.
  absl::StatusOr<AttachReport> AttachNic(const NicRequest& nic);
  // Takes everything of ours off the NIC, which may be gone. OK when there is nothing.
  absl::Status DetachNic(IfIndex link);
  // NICs that have anything of ours, also from an earlier run, ascending.
  [[nodiscard]] std::vector<IfIndex> AttachedNics() const { return folder_.Nics(); }
  // Answers of wildcard UDP sockets in `cgroup` (a folder of the cgroup2 file system; "auto": the
  // whole machine; "": none) come from the address that was asked, except on these local ports.
  // UNIMPLEMENTED: the kernel does not tell network namespaces apart (before 5.14).
  absl::Status SetReplySource(const std::string& cgroup, absl::Span<const uint16_t> except);
  // What those sockets choose their source from, and by which mark routing follows; see
  // source_maps.h. `mark_base` 0: no marks.
  absl::Status SetSources(const SourceState& sources, const ReplyMarks& marks, uint32_t mark_base);
  // Detaches every NIC and removes the pins with the folder. The object is of no use afterwards.
  absl::Status DetachAll();

  // See state_maps.h.
  [[nodiscard]] absl::StatusOr<DatapathState> ReadState() const;
  absl::StatusOr<std::vector<HomeIndex>> ApplyState(const DatapathState& desired,
                                                    const DatapathState& previous);

  // Single homes and paths; see home_slots.h. WriteHome includes the entry in sh_nics.
  absl::Status WriteHome(const HomeState& home, WritePath path);
  [[nodiscard]] Path ReadPath(HomeIndex home) const { return maps_.homes.ReadPath(home); }
  [[nodiscard]] bool CompareAndSwapPath(HomeIndex home, Path expected, Path desired) {
    return maps_.homes.CompareAndSwapPath(home, expected, desired);
  }

  // What the NICs of homes hear of gateways; see gateway_slots.h.
  [[nodiscard]] GatewaySlots& gateways() { return maps_.gateways; }

  // Of every live home, and of kNone for NICs of no group.
  [[nodiscard]] absl::StatusOr<HomeCounters> ReadCounters() const;

  // Readable when there are events; owned by this object.
  [[nodiscard]] int events_fd() const { return events_->fd(); }
  absl::Status ConsumeEvents(
      const OnEvent& on_event, const OnPacket& on_packet = [](const sh_trace_record&) {}) {
    return events_->Consume(on_event, on_packet);
  }

  // Which packets are recorded among the events, in force at once; nullopt: none.
  void SetTrace(const std::optional<TraceFilter>& filter) { object_.SetTrace(filter); }
  // Packets that should have been, and were too many, since Open().
  [[nodiscard]] uint32_t trace_missed() const { return object_.trace_missed(); }

 private:
  Datapath(PinFolder folder, LoadedObject object, StateMaps maps, std::unique_ptr<EventRing> events,
           TcKind tc_kind);

  absl::Status AttachTc(const NicRequest& nic);
  absl::Status Updated(IfIndex link);
  absl::StatusOr<std::vector<std::string>> TcStrangers(IfIndex link) const;

  PinFolder folder_;
  LoadedObject object_;
  StateMaps maps_;
  SourceMaps sources_;
  std::unique_ptr<EventRing> events_;
  TcKind tc_kind_;
  std::vector<uint32_t> homes_map_ids_;
  std::set<IfIndex> outdated_;  // NICs with programs and maps of another layout
};

// Whether there are pins, as DetachPinned() would find them.
bool IsPinned(const std::string& pin_dir);

// What `stronghost detach` does where no daemon runs: from the pins alone, in the network namespace
// of the caller. OK when there is no such folder; FAILED_PRECONDITION when a daemon has it.
absl::Status DetachPinned(const std::string& pin_dir);

}  // namespace stronghost
