// Runs a program many times through the shim (shim.bpf.c) and says what one run cost.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/bench/shim.h"
#include "tests/lib/frame_layers.h"

struct bench_bpf;

namespace stronghost::bench {

enum class Hook { kTc, kXdp };

// One batch of runs.
struct Batch {
  double ns = 0;   // CPU time of one run, shim included
  int action = 0;  // what the last run returned
};

// Move-only; unloads at destruction.
class ShimRunner {
 public:
  static constexpr uint32_t kEmptySlot = 0;
  static constexpr uint32_t kMemorySlot = 1;  // tc: reads memory at random
  static constexpr uint32_t kFirstFreeSlot = 2;

  static absl::StatusOr<ShimRunner> Load();
  ShimRunner(ShimRunner&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ShimRunner& operator=(ShimRunner&&) = delete;
  ~ShimRunner();

  // Puts a program into a slot, from kFirstFreeSlot to BENCH_SLOTS - 1, of its hook.
  absl::Status SetProgram(Hook hook, uint32_t slot, int program_fd);

  // Runs the program of setting.slot `repeat` times on interface `ifindex` of the calling thread's
  // network namespace.
  absl::StatusOr<Batch> Run(Hook hook, const bench_setting& setting, uint32_t ifindex,
                            const lab::Bytes& frame, uint32_t repeat);

  // The empty program alone, without the shim.
  absl::StatusOr<Batch> RunEmptyAlone(Hook hook, uint32_t ifindex, const lab::Bytes& frame,
                                      uint32_t repeat);

 private:
  explicit ShimRunner(bench_bpf* object) : object_(object) {}

  bench_bpf* object_;
};

}  // namespace stronghost::bench
