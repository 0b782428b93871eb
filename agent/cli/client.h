#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "agent/serve/json.h"
#include "agent/serve/varlink_message.h"

namespace stronghost {

// A blocking varlink client: one call at a time, each within its timeout.
//
// Errors: Unavailable, nobody answers at the socket (see NobodyThere); PermissionDenied;
//   FailedPrecondition, the agent refused, with its reason and mend; DeadlineExceeded, too slow;
//   DataLoss, the connection broke or what came is no varlink; Unimplemented, an agent of another
//   version. Each message ends with the mend.
class VarlinkClient {
 public:
  static absl::StatusOr<VarlinkClient> Connect(const std::string& path, absl::Duration timeout);

  // The parameters of the one reply.
  absl::StatusOr<Json> Call(const std::string& method, const Json& parameters,
                            absl::Duration timeout);

  // Calls with `more`: `on_reply` gets the parameters of each reply. Its errors end the call. The
  // timeout is for the first reply, and for each further one where `pause` says nothing else.
  absl::Status CallMore(const std::string& method, const Json& parameters, absl::Duration timeout,
                        const std::function<absl::Status(const Json&)>& on_reply,
                        std::optional<absl::Duration> pause = std::nullopt);

  // Waits until the other side hangs up.
  absl::Status AwaitHangup(absl::Duration timeout);

 private:
  VarlinkClient(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::Status Send(const std::string& bytes, absl::Time deadline);
  absl::StatusOr<VarlinkReply> Receive(const std::string& method, absl::Time deadline);
  absl::Status AwaitEvent(short events, absl::Time deadline) const;
  [[nodiscard]] absl::Status Broken(absl::string_view what) const;

  UniqueFd fd_;
  std::string path_;
  VarlinkFramer framer_{kMaxVarlinkReply};
};

// True for the error of Connect that says that no agent runs.
bool NobodyThere(const absl::Status& status);

}  // namespace stronghost
