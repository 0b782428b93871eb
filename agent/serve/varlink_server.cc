#include "agent/serve/varlink_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/serve/agent_service.h"

namespace stronghost {
namespace {

// Wake-ups for new clients a second. It keeps the loop from spinning on a backlog that can't be
// accepted for want of descriptors.
constexpr uint64_t kAcceptInterval = 1'000'000;  // microseconds
constexpr unsigned kAcceptBurst = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<VarlinkServer>> VarlinkServer::Start(sd_event* loop,
                                                                    const std::string& path,
                                                                    AgentApi* api, Limits limits,
                                                                    int64_t priority) {
  ASSIGN_OR_RETURN(UnixListener listener, UnixListener::Listen(path));
  std::unique_ptr<VarlinkServer> server(
      new VarlinkServer(loop, std::move(listener), api, limits, priority));
  RETURN_IF_ERROR(server->WatchListener());
  return server;
}

absl::StatusOr<std::unique_ptr<VarlinkServer>> VarlinkServer::Start(sd_event* loop,
                                                                    const std::string& path,
                                                                    AgentApi* api) {
  return Start(loop, path, api, Limits{});
}

absl::Status VarlinkServer::WatchListener() {
  ASSIGN_OR_RETURN(accept_source_, Watch(listener_.fd(), OnAccept));
  const int result =
      sd_event_source_set_ratelimit(accept_source_.get(), kAcceptInterval, kAcceptBurst);
  return result < 0 ? ErrnoError(result, "limit the rate of the control socket") : absl::OkStatus();
}

absl::StatusOr<VarlinkServer::Source> VarlinkServer::Watch(int fd, sd_event_io_handler_t handler) {
  sd_event_source* raw = nullptr;
  int result = sd_event_add_io(loop_.get(), &raw, fd, EPOLLIN, handler, this);
  Source source(raw);
  if (result >= 0) {
    result = sd_event_source_set_priority(raw, priority_);
  }
  if (result < 0) {
    return ErrnoError(result, absl::StrCat("watch a connection of ", listener_.path()));
  }
  return source;
}

int VarlinkServer::OnAccept(sd_event_source* /*source*/, int /*fd*/, uint32_t /*events*/,
                            void* self) {
  static_cast<VarlinkServer*>(self)->AcceptOne();
  return 0;
}

int VarlinkServer::OnClient(sd_event_source* /*source*/, int fd, uint32_t events, void* self) {
  static_cast<VarlinkServer*>(self)->Serve(fd, events);
  return 0;
}

void VarlinkServer::AcceptOne() {
  if (clients_.size() >= limits_.connections) {
    CloseStillest(/*queued_only=*/false);
  }
  UniqueFd fd(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    if (errno == EMFILE || errno == ENFILE) {
      CloseStillest(/*queued_only=*/false);
    }
    return;
  }
  const int number = fd.get();
  auto source = Watch(number, OnClient);
  if (!source.ok()) {
    return;
  }
  Client& client = clients_[number];
  client.connection = std::make_unique<VarlinkConnection>(
      std::move(fd), [api = api_](const VarlinkCall& call) { return AnswerCall(call, api); });
  client.last_active = ++ticks_;
  client.source = *std::move(source);
}

void VarlinkServer::Serve(int fd, uint32_t events) {
  const auto found = clients_.find(fd);
  if (found == clients_.end()) {
    return;
  }
  Client& client = found->second;
  client.last_active = ++ticks_;
  const bool keep = client.connection->OnReady(events) == VarlinkConnection::Fate::kKeep;
  if (!keep ||
      sd_event_source_set_io_events(client.source.get(), client.connection->WantedEvents()) < 0) {
    clients_.erase(found);
    return;
  }
  if (client.connection->queued() > 0) {
    while (QueuedBytes() > limits_.queued_bytes && CloseStillest(/*queued_only=*/true)) {
    }
  }
}

void VarlinkServer::Wake() {
  for (auto& [fd, client] : clients_) {
    if (client.connection->waiting()) {
      static_cast<void>(sd_event_source_set_io_events(client.source.get(), EPOLLOUT));
    }
  }
}

bool VarlinkServer::CloseStillest(bool queued_only) {
  auto stillest = clients_.end();
  for (auto it = clients_.begin(); it != clients_.end(); ++it) {
    if (queued_only && it->second.connection->queued() == 0) {
      continue;
    }
    if (stillest == clients_.end() || it->second.last_active < stillest->second.last_active) {
      stillest = it;
    }
  }
  if (stillest == clients_.end()) {
    return false;
  }
  clients_.erase(stillest);
  return true;
}

size_t VarlinkServer::QueuedBytes() const {
  size_t total = 0;
  for (const auto& [fd, client] : clients_) {
    total += client.connection->queued();
  }
  return total;
}

}  // namespace stronghost
