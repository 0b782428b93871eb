// The carrier of a few NICs, asked for directly.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/netlink/datagram.h"
#include "agent/netlink/message.h"

namespace stronghost {

struct CarrierSample {
  IfIndex link = IfIndex::kNone;
  bool exists = false;
  bool admin_up = false;
  bool carrier = false;  // the driver's own bit, true or false also while admin_up is false

  bool operator==(const CarrierSample&) const = default;
};

// Notifications about a lost carrier may come 700 ms late (linkwatch); the bit itself is right at
// once, in IFLA_CARRIER as well as in IFF_LOWER_UP, while IFF_RUNNING and IFLA_OPERSTATE lag behind
// with the notifications. So the bit is polled. Threading: one caller at a time.
class CarrierPoller {
 public:
  // In the network namespace of the calling thread. Needs no privilege.
  static absl::StatusOr<CarrierPoller> Open();

  // Replaces the list of NICs.
  void SetLinks(absl::Span<const IfIndex> links);

  // Asks about all of them in one system call. One sample per NIC in the order of SetLinks(). An
  // error is one of the socket; then nothing is known about any NIC.
  absl::StatusOr<std::vector<CarrierSample>> Poll();

 private:
  explicit CarrierPoller(NetlinkPort port) : port_(std::move(port)) {}

  absl::Status Send();
  absl::StatusOr<size_t> Receive(std::vector<CarrierSample>& samples);
  size_t Note(absl::Span<const char> datagram, std::vector<CarrierSample>& samples) const;

  NetlinkPort port_;
  std::vector<IfIndex> links_;
  std::vector<NetlinkMessage> requests_;
  std::vector<char> buffer_;
  uint32_t first_sequence_ = 1;  // of the requests under way
  uint32_t next_sequence_ = 1;
};

}  // namespace stronghost
