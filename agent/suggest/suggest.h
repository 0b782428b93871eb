// The configuration that fits the host as it is. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/decide/facts.h"
#include "agent/decide/hearing.h"
#include "agent/suggest/candidates.h"

namespace stronghost {

struct SuggestedAddress {
  std::string ip;      // with prefix length
  std::string origin;  // OriginOf()

  bool operator==(const SuggestedAddress&) const = default;
};

struct SuggestedNic {
  std::string name;
  MacAddress mac;
  std::string driver;  // "": not known
  uint32_t mtu = 0;
  std::vector<SuggestedAddress> addresses;

  bool operator==(const SuggestedNic&) const = default;
};

// Addresses behind this host, which only the administrator can decide on.
struct SuggestedPrefix {
  IpPrefix prefix;
  std::string home;
  std::string why;

  bool operator==(const SuggestedPrefix&) const = default;
};

struct SuggestedGroup {
  GroupConfig config;                      // name, nics and gateways; the rest are defaults
  std::vector<SuggestedNic> nics;          // in the order of config.nics
  std::vector<std::string> gateway_notes;  // which gateways are followed, and which left out
  std::vector<std::string> notes;          // warnings first
  std::vector<SuggestedPrefix> prefixes;

  bool operator==(const SuggestedGroup&) const = default;
};

struct Suggestion {
  bool probed = false;  // segments by an exchange, not by subnets
  std::vector<SuggestedGroup> groups;
  std::vector<LeftOut> left_out;
  std::vector<std::string> notes;  // on the host as a whole

  bool operator==(const Suggestion&) const = default;
};

// `hearing` is about the nics of `candidates`; without it segments are guessed by subnet. The
// groups pass ValidateConfig(), and ValidateFacts() refuses nothing of them.
Suggestion Suggest(const HostFacts& host, const Candidates& candidates,
                   const std::optional<Hearing>& hearing);

}  // namespace stronghost
