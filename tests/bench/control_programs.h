// Controls: programs on a NIC's hooks that do nothing, to tell the hooks' own cost from ours.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/netns.h"

struct bench_bpf;

namespace stronghost::bench {

// Move-only. tc programs go at destruction, XDP programs with the namespace.
class ControlPrograms {
 public:
  static absl::StatusOr<ControlPrograms> Load();
  ControlPrograms(ControlPrograms&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), links_(std::move(other.links_)) {}
  ControlPrograms& operator=(ControlPrograms&&) = delete;
  ~ControlPrograms();

  // Programs that let everything pass, on ingress and egress, by tcx as the agent does (Linux 6.6).
  absl::Status AttachEmptyTc(const lab::NetNs& netns, const std::string& interface);
  // XDP in the driver: lets everything pass, or drops everything.
  absl::Status AttachEmptyXdp(const lab::NetNs& netns, const std::string& interface);
  absl::Status AttachDropXdp(const lab::NetNs& netns, const std::string& interface);

 private:
  explicit ControlPrograms(bench_bpf* object) : object_(object) {}

  bench_bpf* object_;
  std::vector<UniqueFd> links_;
};

}  // namespace stronghost::bench
