// Captures frames on an interface of a namespace. On the switch side of a NIC's cable it shows what
// really left the NIC, and what was really sent to it.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/frame.h"
#include "tests/lib/frame_layers.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

struct CapturedFrame {
  int64_t realtime_ns = 0;   // kernel stamp, CLOCK_REALTIME
  int64_t monotonic_ns = 0;  // the same in CLOCK_MONOTONIC
  // Which way it passed the interface. On a switch port, incoming is what the host sent.
  bool outgoing = false;
  uint8_t packet_type = 0;        // PACKET_HOST, PACKET_BROADCAST ... (packet(7))
  bool checksum_pending = false;  // checksum left to the (virtual) hardware: not yet right
  uint32_t length = 0;            // on the wire
  Bytes bytes;                    // cut to the snap length; VLAN tags back in their place

  [[nodiscard]] Frame Parse() const { return ParseFrame(bytes); }
};

struct CaptureOptions {
  enum class Direction { kBoth, kIncoming, kOutgoing };
  Direction direction = Direction::kBoth;
  uint32_t snap_length = 65535;  // bytes kept of each frame
  size_t max_frames = 2'000'000;
  // Which frames are kept; called on the capture's thread. Empty: all.
  std::function<bool(const CapturedFrame&)> filter;
};

// Runs from Start() to Stop(). All methods may be called from any thread. The link going down and
// up doesn't disturb it.
class Capture {
 public:
  // On return the capture is in force: no later frame is missed.
  static absl::StatusOr<std::unique_ptr<Capture>> Start(const NetNs& netns,
                                                        const std::string& interface,
                                                        CaptureOptions options = {});
  ~Capture();

  // What was captured so far, in order; every frame that passed before the call is in it.
  std::vector<CapturedFrame> Frames();
  // How many of them `predicate` likes, called with each frame taken apart.
  int Count(const std::function<bool(const Frame&)>& predicate);
  // Forgets all frames up to now.
  void Clear();

  // Waits for the first frame, from now or earlier, that `predicate` likes.
  absl::StatusOr<CapturedFrame> AwaitFrame(
      const std::function<bool(const CapturedFrame&)>& predicate, absl::Duration deadline);

  // Takes what has passed until now, then ends. Frames() stays usable.
  void Stop();

  // Frames lost: no room in the kernel's buffer (PACKET_STATISTICS), or beyond max_frames. A test
  // that counts asserts that this is 0.
  int64_t Missed();

 private:
  Capture(UniqueFd fd, UniqueFd wake, CaptureOptions options);
  void Loop();
  bool ReadBatch();  // false when the socket is empty
  void Take(const msghdr& message, size_t length, int64_t offset);
  void Flush();
  void ReadStatistics();

  const UniqueFd fd_;
  const UniqueFd wake_;  // eventfd: a flush is wanted, or the end
  const CaptureOptions options_;
  std::vector<uint8_t> buffer_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CapturedFrame> frames_;
  int64_t missed_ = 0;
  uint64_t flushes_wanted_ = 0;
  uint64_t flushes_done_ = 0;
  bool stopping_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace stronghost::lab
