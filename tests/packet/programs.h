// The three programs and their maps, loaded privately: nothing is pinned, nothing attached.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "maps/addresses.h"
#include "maps/counters.h"
#include "maps/events.h"
#include "maps/gateways.h"
#include "maps/homes.h"
#include "maps/nics.h"
#include "maps/trace.h"
#include "tests/lib/frame_layers.h"

struct ring_buffer;
struct stronghost_bpf;

namespace stronghost::packet {

using lab::Bytes;

// What bpf/lib/mark.h puts into skb->cb before a redirect.
constexpr uint32_t kMarkOut = 0x53484f55;
constexpr uint32_t kMarkIn = 0x5348494e;
constexpr uint32_t kMarkHopsMax = 3;

struct Mark {
  uint32_t magic = 0;
  uint32_t home = 0;
  uint32_t hops = 0;

  bool operator==(const Mark&) const = default;
};

enum class Program { kSteer, kDeliver, kGuard };
constexpr Program kAllPrograms[] = {Program::kSteer, Program::kDeliver, Program::kGuard};

// One packet counted: SH_COUNTER_KEY(home, verdict) went up by one.
struct Count {
  uint32_t home = 0;
  sh_verdict verdict = SH_NONE;

  bool operator==(const Count&) const = default;
};

// What a program did with one frame.
struct Outcome {
  int action = 0;              // TC_ACT_* or XDP_*
  Bytes frame;                 // as it left the program
  std::optional<Mark> mark;    // in skb->cb afterwards
  std::optional<Count> count;  // empty: counted nowhere (only guard may, for what it passes)

  bool operator==(const Outcome&) const = default;
};

// Move-only; unloads at destruction.
class Programs {
 public:
  // `can_read_carrier` becomes sh_can_read_carrier.
  static absl::StatusOr<Programs> Load(bool can_read_carrier);
  Programs(Programs&&) noexcept;
  Programs& operator=(Programs&&) = delete;
  ~Programs();

  [[nodiscard]] int ProgramFd(Program program) const;
  // Of a program on sockets, by its name in bpf/; -1: there is none.
  [[nodiscard]] int SocketProgramFd(const char* name) const;

  // BPF_PROG_TEST_RUN: the frame meets the program on interface `ifindex` of the calling thread's
  // network namespace. The kernel refuses frames of less than 14 bytes. Internal error if the
  // program did not count the frame exactly as it should: one verdict, one packet, its length.
  absl::StatusOr<Outcome> Run(Program program, uint32_t ifindex, const Bytes& frame,
                              const std::optional<Mark>& mark = std::nullopt);

  absl::Status SetHome(uint32_t index, const sh_home& home);
  [[nodiscard]] sh_home Home(uint32_t index) const;
  absl::Status SetGateways(uint32_t index, const sh_gateways& gateways);
  [[nodiscard]] sh_gateways Gateways(uint32_t index) const;
  absl::Status SetNic(uint32_t ifindex, const sh_nic& nic);
  absl::Status RemoveNic(uint32_t ifindex);
  absl::Status SetAddress(const IpAddress& address, uint32_t scope, uint32_t home,
                          uint8_t network = 0);
  absl::Status SetPrefix(const IpPrefix& prefix, uint32_t home);

  // Packets of one counter since the programs were loaded.
  [[nodiscard]] uint64_t Packets(const Count& count) const;

  // What sh_events holds and was not taken before, oldest first.
  absl::StatusOr<std::vector<sh_event>> TakeEvents();
  absl::StatusOr<std::vector<sh_trace_record>> TakePackets();

  // The filter and the limit of traced packets, as the programs see them.
  [[nodiscard]] sh_trace& Trace();

 private:
  struct Counter {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  struct Collected {
    std::vector<sh_event> events;
    std::vector<sh_trace_record> packets;
  };
  explicit Programs(stronghost_bpf* object)
      : object_(object), collected_(std::make_unique<Collected>()) {}
  static int Collect(void* collected, void* data, size_t size);
  absl::Status ReadRing();
  // Counters of the homes in use, summed over CPUs.
  [[nodiscard]] absl::StatusOr<std::vector<Counter>> ReadCounters() const;
  absl::StatusOr<std::optional<Count>> FindChange(const std::vector<Counter>& before,
                                                  const std::vector<Counter>& after,
                                                  size_t bytes) const;

  stronghost_bpf* object_;
  ring_buffer* ring_ = nullptr;
  std::unique_ptr<Collected> collected_;  // what ring_ writes into
  uint32_t homes_in_use_ = 1;             // highest index given to SetHome(), plus one
};

// Names for messages of failing tests.
std::string VerdictName(sh_verdict verdict);
std::ostream& operator<<(std::ostream& out, const Count& count);
std::ostream& operator<<(std::ostream& out, const Mark& mark);
std::ostream& operator<<(std::ostream& out, Program program);
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

}  // namespace stronghost::packet
