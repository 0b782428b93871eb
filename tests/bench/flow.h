// The four streams of a measured pull.
#pragma once

#include <sys/socket.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace stronghost::bench {

// Out of the server, or in to it.
struct Flow {
  bool out = false;
  int family = AF_INET;

  [[nodiscard]] std::string Name() const {
    return absl::StrCat(out ? "out" : "in", family == AF_INET ? " IPv4" : " IPv6");
  }
};
// The server speaks first, so that the client knows the MAC of the address's own NIC.
constexpr Flow kFlows[] = {{true, AF_INET}, {true, AF_INET6}, {false, AF_INET}, {false, AF_INET6}};

}  // namespace stronghost::bench
