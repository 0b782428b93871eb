// Which NICs share a layer-2 segment, found out by calling: each sends a few broadcast frames, and
// all listen.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/decide/hearing.h"

namespace stronghost {

// IEEE 802 Local Experimental EtherType 1: of no protocol, so no host answers.
constexpr uint16_t kProbeEtherType = 0x88b5;
constexpr int kProbeFrames = 3;  // at most, of each NIC
constexpr absl::Duration kProbeTime = absl::Seconds(1);

using ProbeNonce = std::array<uint8_t, 8>;
using ProbeFrame = std::array<uint8_t, 60>;  // the shortest that Ethernet has, without FCS

// A broadcast from the NIC's own MAC: the text "stronghost suggest", the nonce of the exchange, the
// speaker's interface index (4 bytes, network order), the number of the frame; then zeros.
ProbeFrame MakeProbeFrame(const MacAddress& mac, const ProbeNonce& nonce, IfIndex speaker,
                          uint8_t number);

// Who sent it; nothing for frames of other exchanges or other protocols.
std::optional<IfIndex> SpeakerOf(absl::Span<const uint8_t> frame, const ProbeNonce& nonce);

struct ProbeNic {
  IfIndex link = IfIndex::kNone;
  std::string name;
  MacAddress mac;
  bool silent = false;  // only listens
};

// Blocks for kProbeTime, or less if every NIC hears every other sooner. In the network namespace of
// the calling thread. Needs CAP_NET_RAW: PermissionDenied without. A NIC that cannot send or listen
// is among the failures of the hearing. With fewer than two NICs nothing is sent. Tagged frames
// don't count: they are of another segment.
absl::StatusOr<Hearing> ProbeSegments(const std::vector<ProbeNic>& nics);

}  // namespace stronghost
