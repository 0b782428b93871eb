#include "tests/lib/tcp_session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/tcp_end.h"

namespace stronghost::lab {
namespace {

absl::Status AwaitEvent(const UniqueFd& fd, int16_t events, absl::Duration timeout,
                        const std::string& what) {
  pollfd watched{.fd = fd.get(), .events = events, .revents = 0};
  const int count = poll(&watched, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  if (count == 0) {
    return absl::DeadlineExceededError(
        absl::StrCat(what, ": no answer within ", absl::FormatDuration(timeout)));
  }
  return count < 0 ? ErrnoError(errno, what) : absl::OkStatus();
}

// A non-blocking TCP socket, bound if wanted. Returns it and its port.
absl::StatusOr<std::pair<UniqueFd, uint16_t>> MakeSocket(const NetNs& netns, int family,
                                                         const std::string& device,
                                                         const IpAddress& address, uint16_t port) {
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(family, SOCK_STREAM | SOCK_NONBLOCK));
  RETURN_IF_ERROR(SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  // A chunk leaves when it is written, so that stalls show the network.
  RETURN_IF_ERROR(SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  int scope = 0;
  if (!device.empty()) {
    ASSIGN_OR_RETURN(scope, netns.IfIndex(device));
    RETURN_IF_ERROR(BindToDevice(fd, device));
  }
  ASSIGN_OR_RETURN(const uint16_t bound,
                   Bind(fd, address == IpAddress() ? AnyAddress(family) : address, port, scope));
  return std::make_pair(std::move(fd), bound);
}

absl::Status Connect(const UniqueFd& fd, const SocketAddress& to,
                     const TcpSessionOptions& options) {
  const std::string what = absl::StrCat("connect to ", options.destination.ToString());
  if (connect(fd.get(), to.get(), to.length) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINPROGRESS) {
    return ErrnoError(errno, what);
  }
  RETURN_IF_ERROR(AwaitEvent(fd, POLLOUT, options.connect_timeout, what));
  int error_number = 0;
  socklen_t length = sizeof(error_number);
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error_number, &length);
  return error_number == 0 ? absl::OkStatus() : ErrnoError(error_number, what);
}

TcpFlow MakeFlow(const TcpEnd& from, const TcpEnd& to, bool in_use) {
  TcpFlow flow{.sent = from.sent(), .received = to.received()};
  if (in_use) {
    flow.longest_stall_ns = to.longest_stall_ns();
    flow.longest_stall_begin_ns = to.longest_stall_begin_ns();
  }
  return flow;
}

}  // namespace

struct TcpSession::Ends {
  Ends(UniqueFd client_fd, UniqueFd server_fd, TcpSessionOptions session,
       AddressAndPort client_peer)
      : options(std::move(session)),
        peer(client_peer),
        client(
            std::move(client_fd),
            {.sends = options.client_sends, .chunk = options.chunk, .interval = options.interval}),
        server(
            std::move(server_fd),
            {.sends = options.server_sends, .chunk = options.chunk, .interval = options.interval}) {
  }

  TcpSessionOptions options;
  AddressAndPort peer;  // the client as the server sees it
  TcpEnd client;
  TcpEnd server;
};

absl::StatusOr<std::unique_ptr<TcpSession>> TcpSession::Start(const NetNs& client,
                                                              const NetNs& server,
                                                              const TcpSessionOptions& options) {
  const int family = options.destination.family();
  ASSIGN_OR_RETURN(auto listener,
                   MakeSocket(server, family, options.server_device, IpAddress(), options.port));
  if (listen(listener.first.get(), 1) != 0) {
    return ErrnoError(errno, "listen");
  }
  ASSIGN_OR_RETURN(auto connecting, MakeSocket(client, family, options.device, options.source, 0));
  int scope = 0;
  if (!options.device.empty()) {
    ASSIGN_OR_RETURN(scope, client.IfIndex(options.device));
  }
  RETURN_IF_ERROR(Connect(connecting.first,
                          ToSocketAddress(options.destination, listener.second, scope), options));
  RETURN_IF_ERROR(AwaitEvent(listener.first, POLLIN, options.connect_timeout, "accept"));
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  UniqueFd accepted(accept4(listener.first.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted.valid()) {
    return ErrnoError(errno, "accept");
  }
  RETURN_IF_ERROR(SetOption(accepted, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  return std::unique_ptr<TcpSession>(new TcpSession(std::make_unique<Ends>(
      std::move(connecting.first), std::move(accepted), options, FromSocketAddress(peer))));
}

TcpSession::TcpSession(std::unique_ptr<Ends> ends) : ends_(std::move(ends)) {}

TcpSession::~TcpSession() = default;

uint64_t TcpSession::ReceivedByServer() const {
  return ends_->server.received();
}

uint64_t TcpSession::ReceivedByClient() const {
  return ends_->client.received();
}

absl::Status TcpSession::AwaitProgress(uint64_t bytes, absl::Duration deadline) const {
  const uint64_t to_server = ReceivedByServer() + (ends_->options.client_sends ? bytes : 0);
  const uint64_t to_client = ReceivedByClient() + (ends_->options.server_sends ? bytes : 0);
  return Await(
      deadline, [&] { return ReceivedByServer() >= to_server && ReceivedByClient() >= to_client; },
      absl::StrCat("a TCP session to carry ", bytes, " bytes each way"));
}

TcpResult TcpSession::Finish(absl::Duration drain) {
  TcpEnd& client = ends_->client;
  TcpEnd& server = ends_->server;
  const int64_t deadline = MonotonicNow() + absl::ToInt64Nanoseconds(drain);
  client.StopWriting();
  server.StopWriting();
  client.Join(deadline);
  server.Join(deadline);
  TcpResult result;
  result.to_server = MakeFlow(client, server, ends_->options.client_sends);
  result.to_client = MakeFlow(server, client, ends_->options.server_sends);
  result.corrupt = client.corrupt() || server.corrupt();
  result.error = !client.error().empty()   ? absl::StrCat("client: ", client.error())
                 : !server.error().empty() ? absl::StrCat("server: ", server.error())
                                           : "";
  result.alive = result.error.empty() && !result.corrupt && client.saw_end() && server.saw_end() &&
                 result.to_server.sent == result.to_server.received &&
                 result.to_client.sent == result.to_client.received;
  result.client_address = ends_->peer.address;
  result.client_port = ends_->peer.port;
  return result;
}

std::string TcpResult::ToString() const {
  const auto flow = [](const char* name, const TcpFlow& f) {
    return absl::StrFormat("%s: sent %d received %d longest stall %.3f ms\n", name, f.sent,
                           f.received, static_cast<double>(f.longest_stall_ns) / 1e6);
  };
  return absl::StrCat(alive ? "alive" : "dead", corrupt ? " corrupt " : " ", error, "\n",
                      flow("to server", to_server), flow("to client", to_client));
}

}  // namespace stronghost::lab
