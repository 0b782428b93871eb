// libbpf prints to stderr what it will not return: the verifier's log, the kernel's extended
// netlink errors. LibbpfLog collects it, so that it ends up in the Status of the failed step.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace stronghost {

// Collects libbpf's warnings of this thread while it lives; does not nest. Without one, libbpf is
// silent: whoever calls it has its return value.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The end of what was printed, on line boundaries: the verifier says last what it refused.
  [[nodiscard]] std::string Tail() const;

  // Status of a failed libbpf call: `error` is its negative return value or errno, `what` names
  // operation and object; the tail of the log follows.
  [[nodiscard]] absl::Status Error(int error, absl::string_view what) const;

 private:
  std::string text_;
};

}  // namespace stronghost
