#pragma once

#include <systemd/sd-event.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/serve/agent_api.h"
#include "agent/serve/unix_listener.h"
#include "agent/serve/varlink_connection.h"

namespace stronghost {

// The control socket on an sd-event loop.
//
// Threading: all on the loop's thread; `api` is called from it.
// Failure: a client can lose only its own connection. Memory is bounded by the limits below: the
//   connection that has been still for longest is closed to keep them.
class VarlinkServer {
 public:
  struct Limits {
    size_t connections = 256;
    size_t queued_bytes = size_t{256} << 20;  // replies not read yet, of all clients
  };

  // Errors are those of UnixListener::Listen. `loop` is referenced; `api` has to outlive the
  // server. `priority` is that of sd_event_source_set_priority(3): later than the watching of
  // links by default.
  static absl::StatusOr<std::unique_ptr<VarlinkServer>> Start(
      sd_event* loop, const std::string& path, AgentApi* api, Limits limits,
      int64_t priority = SD_EVENT_PRIORITY_NORMAL + 10);
  static absl::StatusOr<std::unique_ptr<VarlinkServer>> Start(sd_event* loop,
                                                              const std::string& path,
                                                              AgentApi* api);

  VarlinkServer(const VarlinkServer&) = delete;
  VarlinkServer& operator=(const VarlinkServer&) = delete;
  // Removes the socket file, then hangs up on all clients.
  ~VarlinkServer() = default;

  [[nodiscard]] size_t connections() const { return clients_.size(); }

  // Replies that were not there may be there now. They are sent when the loop gets to it.
  void Wake();

 private:
  struct Unref {
    void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
    void operator()(sd_event* loop) const { sd_event_unref(loop); }
  };
  using Source = std::unique_ptr<sd_event_source, Unref>;

  struct Client {
    std::unique_ptr<VarlinkConnection> connection;
    uint64_t last_active = 0;  // value of ticks_
    Source source;             // goes before the connection closes its descriptor
  };

  VarlinkServer(sd_event* loop, UnixListener listener, AgentApi* api, Limits limits,
                int64_t priority)
      : loop_(sd_event_ref(loop)),
        api_(api),
        limits_(limits),
        priority_(priority),
        listener_(std::move(listener)) {}

  static int OnAccept(sd_event_source* source, int fd, uint32_t events, void* self);
  static int OnClient(sd_event_source* source, int fd, uint32_t events, void* self);

  absl::Status WatchListener();
  absl::StatusOr<Source> Watch(int fd, sd_event_io_handler_t handler);
  void AcceptOne();
  void Serve(int fd, uint32_t events);
  // Closes the client that has been still for longest, of those that have replies queued where
  // `queued_only`. False: there is none.
  bool CloseStillest(bool queued_only);
  [[nodiscard]] size_t QueuedBytes() const;

  std::unique_ptr<sd_event, Unref> loop_;
  AgentApi* api_;
  Limits limits_;
  int64_t priority_;
  uint64_t ticks_ = 0;
  absl::flat_hash_map<int, Client> clients_;  // by descriptor
  // Destroyed before the clients: whoever sees the hang-up finds no socket file.
  UnixListener listener_;
  Source accept_source_;
};

}  // namespace stronghost
