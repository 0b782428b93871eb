// A measured UDP stream: numbered packets at a fixed rate from one namespace to another. For two
// ways take two streams.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/netns.h"
#include "tests/lib/stream_result.h"

namespace stronghost::lab {

struct StreamReceiverOptions {
  int family = AF_INET;
  uint16_t port = 0;                // 0: the kernel chooses
  std::string device;               // SO_BINDTODEVICE
  IpAddress address = IpAddress();  // "::": the wildcard of the family
};

// Listens from Start() to Stop() on a thread of its own. Thread-safe.
class StreamReceiver {
 public:
  static absl::StatusOr<std::unique_ptr<StreamReceiver>> Start(
      const NetNs& netns, const StreamReceiverOptions& options = {});
  ~StreamReceiver();

  [[nodiscard]] uint16_t port() const { return port_; }
  // Arrivals up to now, duplicates included.
  [[nodiscard]] uint64_t count() const { return count_.load(); }
  // Waits for the `count`-th arrival.
  absl::Status AwaitCount(uint64_t count, absl::Duration deadline);
  // Ends the listening; what lies in the socket is read first.
  std::vector<Arrival> Stop();

 private:
  StreamReceiver(UniqueFd fd, UniqueFd wake, uint16_t port);
  void Loop();
  bool ReadBatch();

  const UniqueFd fd_;
  const UniqueFd wake_;
  const uint16_t port_;
  std::atomic<uint64_t> count_{0};
  std::vector<Arrival> arrivals_;  // the thread's until it ends
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::thread thread_;
};

struct StreamSenderOptions {
  IpAddress destination;
  uint16_t port = 0;
  double rate = 1000;              // packets a second, up to about 20,000
  uint64_t max_packets = 0;        // 0: until Stop()
  size_t payload_size = 64;        // at least 24
  std::string device;              // SO_BINDTODEVICE
  IpAddress source = IpAddress();  // bound; "::": not bound
  uint16_t source_port = 0;
  bool connect = false;  // a connected socket hears ICMP errors and keeps its source
};

// Sends from Start() to Stop() on a thread of its own. Late packets are sent at once, none is
// skipped.
class StreamSender {
 public:
  static absl::StatusOr<std::unique_ptr<StreamSender>> Start(const NetNs& netns,
                                                             const StreamSenderOptions& options);
  ~StreamSender();

  [[nodiscard]] uint64_t count() const { return count_.load(); }
  // Waits until `count` packets are sent.
  absl::Status AwaitCount(uint64_t count, absl::Duration deadline) const;

  struct Log {
    std::vector<int64_t> sent_ns;
    uint64_t errors = 0;
    int last_error = 0;
  };
  Log Stop();

 private:
  StreamSender(UniqueFd fd, StreamSenderOptions options, int scope);
  void Loop();
  void SendOne(std::vector<uint8_t>& payload);

  const UniqueFd fd_;
  const StreamSenderOptions options_;
  const int scope_;
  std::atomic<uint64_t> count_{0};
  std::atomic<bool> stop_{false};
  Log log_;  // the thread's until it ends
  std::thread thread_;
};

struct StreamOptions {
  IpAddress destination;
  double rate = 1000;
  uint64_t max_packets = 0;  // 0: until Finish()
  size_t payload_size = 64;
  IpAddress source = IpAddress();
  uint16_t source_port = 0;
  std::string source_device;
  bool connect = false;
  IpAddress receiver_address = IpAddress();
  std::string receiver_device;
  uint16_t port = 0;
  absl::Duration bucket = absl::Milliseconds(100);
};

// Sender and receiver together.
class Stream {
 public:
  static absl::StatusOr<Stream> Start(const NetNs& from, const NetNs& to,
                                      const StreamOptions& options);

  [[nodiscard]] const StreamSender& sender() const { return *sender_; }
  [[nodiscard]] StreamReceiver& receiver() { return *receiver_; }

  // Waits until `count` more packets have been sent, whether or not they arrive: the stream as
  // clock.
  absl::Status AwaitSent(uint64_t count) const;
  // Waits until `count` more packets have arrived.
  absl::Status AwaitReceived(uint64_t count, absl::Duration deadline);

  // Ends the sending, gives what is under way up to `drain` to arrive, and sums up.
  StreamResult Finish(absl::Duration drain = absl::Milliseconds(300));

 private:
  Stream(StreamOptions options, std::unique_ptr<StreamReceiver> receiver,
         std::unique_ptr<StreamSender> sender)
      : options_(std::move(options)), receiver_(std::move(receiver)), sender_(std::move(sender)) {}

  StreamOptions options_;
  std::unique_ptr<StreamReceiver> receiver_;
  std::unique_ptr<StreamSender> sender_;
};

}  // namespace stronghost::lab
