// A TCP session that lives through a test: it sends a known pattern and checks every byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

struct TcpSessionOptions {
  IpAddress destination;           // an address of the server side
  uint16_t port = 0;               // 0: the kernel chooses
  IpAddress source = IpAddress();  // client side, bound; "::": not bound
  std::string device;              // client side, SO_BINDTODEVICE
  std::string server_device;       // server side, SO_BINDTODEVICE
  bool client_sends = true;
  bool server_sends = true;
  size_t chunk = 1024;                              // bytes written at once
  absl::Duration interval = absl::Milliseconds(1);  // between chunks; zero: as fast as possible
  absl::Duration connect_timeout = absl::Seconds(5);
};

// Bytes and stalls of one direction. A stall is the time between two arrivals; the last one ends
// with Finish().
struct TcpFlow {
  uint64_t sent = 0;
  uint64_t received = 0;
  int64_t longest_stall_ns = 0;
  int64_t longest_stall_begin_ns = 0;  // CLOCK_MONOTONIC
};

struct TcpResult {
  // Nobody saw an error, every byte arrived, and both ends closed in order.
  bool alive = false;
  bool corrupt = false;  // a wrong byte arrived
  std::string error;     // what either end saw, if anything
  TcpFlow to_server;
  TcpFlow to_client;
  IpAddress client_address;  // as the server sees it: after masquerading
  uint16_t client_port = 0;

  [[nodiscard]] std::string ToString() const;
};

// Established at Start(), ended by Finish() or destruction. One thread for each end.
class TcpSession {
 public:
  // `client` and `server` are namespaces; a container's is as good as any.
  static absl::StatusOr<std::unique_ptr<TcpSession>> Start(const NetNs& client, const NetNs& server,
                                                           const TcpSessionOptions& options);
  ~TcpSession();

  // Bytes that have arrived up to now.
  [[nodiscard]] uint64_t ReceivedByServer() const;
  [[nodiscard]] uint64_t ReceivedByClient() const;
  // Waits until `bytes` more have arrived in each direction that is in use.
  absl::Status AwaitProgress(uint64_t bytes, absl::Duration deadline) const;

  // Stops the writers, gives what is under way up to `drain` to arrive, and sums up.
  TcpResult Finish(absl::Duration drain = absl::Seconds(3));

 private:
  struct Ends;
  explicit TcpSession(std::unique_ptr<Ends> ends);
  std::unique_ptr<Ends> ends_;
};

}  // namespace stronghost::lab
