#include "agent/netlink/route_lookup.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/netlink/message.h"

namespace stronghost {
namespace {

struct Interfaces {
  IfIndex in = IfIndex::kNone;
  IfIndex out = IfIndex::kNone;
};

NetlinkMessage Request(const std::optional<IpAddress>& source, const IpAddress& destination,
                       const Interfaces& by) {
  NetlinkMessage request(RTM_GETROUTE, 0);
  auto& header = request.AddHeader<rtmsg>();
  header.rtm_family = static_cast<uint8_t>(destination.family());
  header.rtm_dst_len = static_cast<uint8_t>(destination.max_length());
  // IPv6 tells the table unasked, and refuses the flag.
  header.rtm_flags = destination.IsV4() ? uint32_t{RTM_F_LOOKUP_TABLE} : 0U;
  request.PutIp(RTA_DST, destination);
  if (source.has_value()) {
    header.rtm_src_len = static_cast<uint8_t>(source->max_length());
    request.PutIp(RTA_SRC, *source);
  }
  if (by.in != IfIndex::kNone) {
    request.PutU32(RTA_IIF, ToInt(by.in));
  }
  if (by.out != IfIndex::kNone) {
    request.PutU32(RTA_OIF, ToInt(by.out));
  }
  return request;
}

// Returns 0 or the errno of a route that rejects.
int ParseAnswer(const nlmsghdr& message, RouteAnswer& answer) {
  const auto* header = FamilyHeader<rtmsg>(message);
  if (message.nlmsg_type != RTM_NEWROUTE || header == nullptr) {
    return 0;
  }
  switch (header->rtm_type) {
    case RTN_LOCAL:
      answer.local = true;
      break;
    case RTN_BLACKHOLE:
      return EINVAL;
    case RTN_UNREACHABLE:
      return EHOSTUNREACH;
    case RTN_PROHIBIT:
      return EACCES;
    default:
      break;
  }
  answer.table = header->rtm_table;
  IpAddress ip;
  uint32_t value = 0;
  uint16_t via_family = 0;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    if (type == RTA_OIF && ReadValue(payload, value)) {
      answer.link = IfIndex{value};
    } else if (type == RTA_TABLE && ReadValue(payload, value)) {
      answer.table = value;
    } else if ((type == RTA_GATEWAY && ReadIp(payload, header->rtm_family, ip)) ||
               (type == RTA_VIA && ReadValue(payload, via_family) &&
                ReadIp(payload.subspan(sizeof(via_family)), via_family, ip))) {
      answer.gateway = ip;
    } else if (type == RTA_PREFSRC && ReadIp(payload, header->rtm_family, ip)) {
      answer.source = ip;
    }
  };
  ForEachAttribute(AttributeBytes(message, sizeof(*header)), read);
  return 0;
}

absl::StatusOr<RouteAnswer> Ask(NetlinkSocket& socket, const std::optional<IpAddress>& source,
                                const IpAddress& destination, const Interfaces& by) {
  const std::string what =
      absl::StrCat("look up the route to ", destination.ToString(),
                   source.has_value() ? absl::StrCat(" from ", source->ToString()) : "");
  if (source.has_value() && source->family() != destination.family()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": give two addresses of one family"));
  }
  NetlinkMessage request = Request(source, destination, by);
  RouteAnswer answer;
  int rejected = 0;
  RETURN_IF_ERROR(socket.Transact(
      request, what, [&](const nlmsghdr& message) { rejected = ParseAnswer(message, answer); }));
  if (rejected != 0) {
    return ErrnoError(rejected, what);
  }
  if (answer.link == IfIndex::kNone) {
    return absl::NotFoundError(absl::StrCat(what, ": the kernel named no interface"));
  }
  return answer;
}

}  // namespace

absl::StatusOr<RouteAnswer> LookUpRoute(NetlinkSocket& socket,
                                        const std::optional<IpAddress>& source,
                                        const IpAddress& destination, IfIndex out) {
  return Ask(socket, source, destination, {.out = out});
}

absl::StatusOr<RouteAnswer> LookUpForwarding(NetlinkSocket& socket, const IpAddress& source,
                                             const IpAddress& destination, IfIndex in) {
  return Ask(socket, source, destination, {.in = in});
}

}  // namespace stronghost
