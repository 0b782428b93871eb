#include "agent/cli/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/serve/interface.h"
#include "agent/serve/unix_listener.h"

namespace stronghost {
namespace {

absl::Status ErrorOf(const VarlinkReply& reply, const std::string& method) {
  if (reply.error == kRefusedError) {
    std::string message;
    std::string mend;
    JsonReader reader(reply.parameters, "error");
    reader.Get("message", &message).Optional("mend", &mend);
    if (reader.status().ok()) {
      return absl::FailedPreconditionError(mend.empty() ? message
                                                        : absl::StrCat(message, "; ", mend));
    }
  }
  if (reply.error == kMethodNotFoundError || reply.error == kInterfaceNotFoundError) {
    return absl::UnimplementedError(
        absl::StrCat("the agent has no method ", method,
                     "; command and agent are of different versions, restart the agent"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(method, " failed: ", reply.error, " ", JsonText(reply.parameters)));
}

}  // namespace

bool NobodyThere(const absl::Status& status) {
  return absl::IsUnavailable(status);
}

absl::StatusOr<VarlinkClient> VarlinkClient::Connect(const std::string& path,
                                                     absl::Duration timeout) {
  const auto limit = std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 1, 3'600'000);
  auto fd = ConnectUnix(path, static_cast<int>(limit));
  if (fd.ok()) {
    return VarlinkClient(*std::move(fd), path);
  }
  const absl::Status& status = fd.status();
  if (absl::IsNotFound(status) || absl::IsUnavailable(status)) {
    return absl::UnavailableError(absl::StrCat(
        "no agent answers at ", path, "; start stronghostd, or name its socket with --socket"));
  }
  if (absl::IsPermissionDenied(status)) {
    return absl::PermissionDeniedError(
        absl::StrCat("connect to ", path, ": permission denied; run as root"));
  }
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError(
        absl::StrCat("the agent at ", path, " takes no connections; look at its log, it may hang"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(status.message(), "; name the agent's socket with --socket"));
}

absl::Status VarlinkClient::Broken(absl::string_view what) const {
  return absl::DataLossError(
      absl::StrCat("the agent at ", path_, " ", what, "; look at its log, and try again"));
}

absl::Status VarlinkClient::AwaitEvent(short events, absl::Time deadline) const {
  for (;;) {
    const auto left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd waiting{.fd = fd_.get(), .events = events, .revents = 0};
    const int ready =
        poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(left, -1, 3'600'000)) + 1);
    if (ready > 0) {
      return absl::OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return ErrnoError(errno, "wait for the agent");
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the agent at ", path_, " does not answer; look at its log, it may hang"));
    }
  }
}

absl::Status VarlinkClient::Send(const std::string& bytes, absl::Time deadline) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
    } else if (errno == EAGAIN || errno == EINTR) {
      RETURN_IF_ERROR(AwaitEvent(POLLOUT, deadline));
    } else {
      return Broken("hung up");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<VarlinkReply> VarlinkClient::Receive(const std::string& method,
                                                    absl::Time deadline) {
  std::array<char, 65536> bytes;  // NOLINT: recv() fills it
  while (!framer_.HasMessage()) {
    RETURN_IF_ERROR(AwaitEvent(POLLIN, deadline));
    const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (count <= 0) {
      return Broken("hung up before it answered");
    }
    if (!framer_.Append(absl::string_view(bytes.data(), static_cast<size_t>(count))).ok()) {
      return Broken("sent more than any answer has");
    }
  }
  auto reply = ParseVarlinkReply(*framer_.Next());
  if (!reply.ok()) {
    return Broken("sent something that is no varlink reply");
  }
  if (!reply->error.empty()) {
    return ErrorOf(*reply, method);
  }
  return reply;
}

absl::StatusOr<Json> VarlinkClient::Call(const std::string& method, const Json& parameters,
                                         absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  RETURN_IF_ERROR(Send(EncodeVarlinkCall({.method = method, .parameters = parameters}), deadline));
  ASSIGN_OR_RETURN(VarlinkReply reply, Receive(method, deadline));
  return std::move(reply.parameters);
}

absl::Status VarlinkClient::CallMore(const std::string& method, const Json& parameters,
                                     absl::Duration timeout,
                                     const std::function<absl::Status(const Json&)>& on_reply,
                                     std::optional<absl::Duration> pause) {
  RETURN_IF_ERROR(
      Send(EncodeVarlinkCall({.method = method, .parameters = parameters, .more = true}),
           absl::Now() + timeout));
  for (bool continues = true; continues;) {
    ASSIGN_OR_RETURN(const VarlinkReply reply, Receive(method, absl::Now() + timeout));
    timeout = pause.value_or(timeout);
    RETURN_IF_ERROR(on_reply(reply.parameters));
    continues = reply.continues;
  }
  return absl::OkStatus();
}

absl::Status VarlinkClient::AwaitHangup(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::array<char, 4096> ignored;  // NOLINT: recv() fills it
  for (;;) {
    RETURN_IF_ERROR(AwaitEvent(POLLIN, deadline));
    const ssize_t count = recv(fd_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
      return absl::OkStatus();
    }
  }
}

}  // namespace stronghost
