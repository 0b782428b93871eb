#include "agent/decide/path_cause.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace stronghost {

absl::string_view ToString(PathCause cause) {
  switch (cause) {
    case PathCause::kNone:
      return "";
    case PathCause::kNic:
      return "nic";
    case PathCause::kCable:
      return "cable";
    case PathCause::kUplink:
      return "uplink";
    case PathCause::kGateway:
      return "gateway";
    case PathCause::kSegment:
      return "segment";
  }
  return "";
}

PathCause CauseOf(const std::vector<PathView>& nics, size_t i) {
  const PathView& nic = nics[i];
  if (!nic.there) {
    return PathCause::kNic;
  }
  if (!nic.carrier) {
    return PathCause::kCable;
  }
  if (!nic.set_aside && (nic.dead == 0 || nic.probing > 0)) {
    return PathCause::kNone;
  }
  if (!nic.set_aside && nic.dead < nic.gateways) {
    return PathCause::kGateway;
  }
  const auto any = [&](bool PathView::*what) {
    return std::any_of(nics.begin(), nics.end(), [what](const PathView& other) {
      return other.there && other.carrier && other.*what;
    });
  };
  if (any(&PathView::proven) || nic.set_aside) {
    return PathCause::kUplink;
  }
  return any(&PathView::others) ? PathCause::kGateway : PathCause::kSegment;
}

std::string Mend(PathCause cause, absl::string_view nic, absl::string_view gateways) {
  switch (cause) {
    case PathCause::kNone:
      return "";
    case PathCause::kNic:
      return absl::StrCat(nic, " is missing or set down; bring it back, or `ip link set ", nic,
                          " up`");
    case PathCause::kCable:
      return absl::StrCat(nic, " has no carrier; look after its cable and its switch port");
    case PathCause::kUplink:
      return absl::StrCat("no gateway answers through ", nic,
                          ", while another NIC of the group reaches one; look after the switch at ",
                          nic, " and its uplink");
    case PathCause::kGateway:
      return absl::StrCat(gateways, " does not answer through ", nic,
                          ", while other hosts of the segment are heard; look after the gateway");
    case PathCause::kSegment:
      return absl::StrCat(gateways, " does not answer, and nobody of the segment is heard on any ",
                          "NIC of the group; look after the switch and its power");
  }
  return "";
}

}  // namespace stronghost
