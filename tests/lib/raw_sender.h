// Puts raw frames on a wire.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/frame_layers.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

// Sends from one interface of a namespace, through its queueing discipline and tc egress like any
// packet of the host. Move-only.
class RawSender {
 public:
  static absl::StatusOr<RawSender> Open(const NetNs& netns, const std::string& interface);

  absl::Status Send(const Bytes& frame) const;
  // As fast as possible, in this order.
  absl::Status Send(std::span<const Bytes> frames) const;
  // The same frame `count` times.
  absl::Status Repeat(const Bytes& frame, int count) const;

 private:
  RawSender(UniqueFd fd, std::string interface)
      : fd_(std::move(fd)), interface_(std::move(interface)) {}
  UniqueFd fd_;
  std::string interface_;
};

}  // namespace stronghost::lab
