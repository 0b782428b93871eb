#include "agent/daemon/events.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace stronghost {
namespace {

std::string Describe(const WireChange& change) {
  const std::string what =
      change.to == change.home
          ? absl::StrCat(change.home, " carries its own frames again, ", change.from,
                         " is relieved")
          : absl::StrCat(change.to, " stands in for ", change.home, ", in place of ", change.from);
  return absl::StrCat("group ", change.group, ": ", what, " (", change.cause,
                      change.outage > absl::ZeroDuration()
                          ? absl::StrCat(", outage at most ", absl::FormatDuration(change.outage))
                          : "",
                      ")");
}

std::string Describe(const AddressesMoved& moved) {
  return absl::StrCat(
      "group ", moved.group, ": ", moved.addresses,
      moved.addresses == 1 ? " address of " : " addresses of ", moved.from,
      moved.addresses == 1 ? " lives on " : " live on ", moved.to, " now (", moved.cause, ")",
      moved.sessions_ended == 0
          ? ""
          : absl::StrCat(", which ends ", moved.sessions_ended, " masqueraded session",
                         moved.sessions_ended == 1 ? "" : "s"));
}

std::string Describe(const PathChange& change) {
  const std::string what = change.gateway.empty()
                               ? absl::StrCat("the path of ", change.nic)
                               : absl::StrCat("gateway ", change.gateway, " through ", change.nic);
  return absl::StrCat("group ", change.group, ": ", what, " is ", change.state,
                      change.cause.empty() ? "" : absl::StrCat(", cause: ", change.cause));
}

}  // namespace

Event EventOf(const WireChange& change) {
  return {.time = absl::Now(),
          .event = change.cause == "failback" ? "failback" : "failover",
          .group = change.group,
          .nic = change.home,
          .detail = Describe(change),
          .more = {{"from", change.from},
                   {"to", change.to},
                   {"cause", change.cause},
                   {"outage_ns", absl::ToInt64Nanoseconds(change.outage)}}};
}

Event EventOf(const AddressesMoved& moved) {
  return {.time = absl::Now(),
          .event = "relocation",
          .group = moved.group,
          .nic = moved.from,
          .detail = Describe(moved),
          .more = {{"to", moved.to},
                   {"cause", moved.cause},
                   {"addresses", moved.addresses},
                   {"sessions_ended", moved.sessions_ended}}};
}

Event EventOf(const NicChange& change) {
  return {.time = absl::Now(),
          .event = "nic",
          .group = change.group,
          .nic = change.nic,
          .detail = absl::StrCat("group ", change.group, ": ", change.nic, " is ", change.state,
                                 ", it was ", change.was),
          .more = {{"state", change.state}, {"was", change.was}}};
}

Event EventOf(const PathChange& change) {
  return {.time = absl::Now(),
          .event = "path",
          .group = change.group,
          .nic = change.nic,
          .detail = Describe(change),
          .more = {{"gateway", NullIfEmpty(change.gateway)},
                   {"state", change.state},
                   {"cause", NullIfEmpty(change.cause)}}};
}

}  // namespace stronghost
