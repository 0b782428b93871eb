// A host for the tests of `suggest`.
#pragma once

#include <linux/rtnetlink.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/config/load.h"
#include "agent/decide/validate_facts.h"
#include "agent/suggest/candidates.h"
#include "agent/suggest/segments.h"
#include "agent/suggest/suggest.h"
#include "agent/suggest/write_toml.h"

namespace stronghost {

class SuggestWorld {
 public:
  // An interface that is up with carrier, of number `index`.
  LinkFact& AddLink(uint8_t index, const std::string& name, const std::string& kind = "") {
    LinkFact& link = host.facts.links[IfIndex{index}];
    link = {.index = IfIndex{index},
            .name = name,
            .mac = {{2, 0, 0, 0, 0, index}},
            .admin_up = true,
            .carrier = true,
            .mtu = 1500,
            .kind = kind,
            .driver = "virtio_net"};
    return link;
  }
  AddressFact& AddAddress(uint32_t link, const std::string& ip) {
    host.facts.addresses.push_back({.link = IfIndex{link}, .ip = *IpPrefix::Parse(ip)});
    return host.facts.addresses.back();
  }
  RouteFact& AddDefault(uint32_t link, const std::string& gateway, uint8_t protocol,
                        uint32_t metric = 0) {
    const IpAddress via = *IpAddress::Parse(gateway);
    host.facts.routes.push_back({.table = RT_TABLE_MAIN,
                                 .destination = {via.IsV4() ? IpAddress::V4(0) : IpAddress(), 0},
                                 .gateway = via,
                                 .link = IfIndex{link},
                                 .metric = metric,
                                 .protocol = protocol});
    return host.facts.routes.back();
  }
  // All of them heard each other.
  void Hear(const std::vector<uint32_t>& links) {
    for (const uint32_t speaker : links) {
      for (const uint32_t listener : links) {
        if (speaker != listener) {
          hearing.heard.emplace(IfIndex{speaker}, IfIndex{listener});
        }
      }
    }
  }

  Suggestion Suggest(bool probe = true) const {
    return stronghost::Suggest(host, FindCandidates(host),
                               probe ? std::optional(hearing) : std::nullopt);
  }
  // Why an interface is left out; "": it is not.
  static std::string ReasonFor(const std::string& nic, const Suggestion& suggestion) {
    for (const LeftOut& left : suggestion.left_out) {
      if (left.nic == nic) {
        return left.reason;
      }
    }
    return "";
  }

  HostFacts host{.now = absl::FromUnixSeconds(1000)};
  Hearing hearing;
};

}  // namespace stronghost
