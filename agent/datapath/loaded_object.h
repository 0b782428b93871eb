// The BPF programs and maps in the kernel: opened, their pinned maps adopted, loaded, new maps
// pinned. The only file that knows the skeleton.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/datapath/pin_folder.h"
#include "agent/datapath/reply_hooks.h"
#include "agent/datapath/tcx.h"
#include "agent/datapath/trace_filter.h"

struct stronghost_bpf;

namespace stronghost {

// Descriptors of the loaded maps; borrowed from LoadedObject.
struct MapFds {
  int addresses = -1;
  int prefixes = -1;
  int homes = -1;
  int gateways = -1;
  int nics = -1;
  int counters = -1;
  int events = -1;
  int reply_except = -1;
  int reply_marks = -1;
  int source_routes = -1;
  int source_tables = -1;
};

// Owns the skeleton. Move-only. Its death closes descriptors; pins and attached programs stay.
class LoadedObject {
 public:
  // Maps pinned in the folder are taken over with their contents if type, sizes, flags and
  // SH_LAYOUT_VERSION of all agree. Else new ones take their place (replaced()), empty: programs in
  // force keep the old ones until they are replaced themselves. Maps without a pin are made and
  // pinned. Errors name the step and carry the end of the verifier's log; nothing is changed then,
  // unless it is pinning that failed: the next Load() makes what is absent.
  static absl::StatusOr<LoadedObject> Load(const PinFolder& folder);

  LoadedObject(LoadedObject&&) noexcept = default;
  LoadedObject& operator=(LoadedObject&&) noexcept = default;
  ~LoadedObject() = default;

  [[nodiscard]] MapFds maps() const;
  [[nodiscard]] TcPrograms tc_programs() const;
  [[nodiscard]] int guard_fd() const;
  [[nodiscard]] ReplyPrograms reply_programs() const;
  // Whether pinned maps of an earlier run were found.
  [[nodiscard]] bool adopted() const { return adopted_; }
  // Why pinned maps of an earlier run were replaced by empty ones; "": they were not.
  [[nodiscard]] const std::string& replaced() const { return replaced_; }
  // Whether steer sees the carrier of its NIC itself: the flip in the kernel.
  [[nodiscard]] bool can_read_carrier() const { return can_read_carrier_; }
  // Whether the cgroup programs can tell this network namespace from others (Linux 5.14).
  [[nodiscard]] bool knows_namespace() const { return knows_namespace_; }

  // See Datapath.
  void SetTrace(const std::optional<TraceFilter>& filter);
  [[nodiscard]] uint32_t trace_missed() const;

 private:
  struct Destroy {
    void operator()(stronghost_bpf* skeleton) const;
  };

  LoadedObject() = default;
  absl::Status Open();
  absl::Status Adopt(const PinFolder& folder);
  absl::Status LoadIntoKernel(const PinFolder& folder);
  absl::Status PinNew(const PinFolder& folder) const;

  std::unique_ptr<stronghost_bpf, Destroy> skeleton_;
  bool adopted_ = false;
  std::string replaced_;
  bool can_read_carrier_ = false;
  bool knows_namespace_ = false;
};

}  // namespace stronghost
