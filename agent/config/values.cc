#include "agent/config/values.h"

#include <net/if.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace stronghost {
namespace {

bool AllOf(absl::string_view text, absl::string_view allowed) {
  return text.find_first_not_of(allowed) == absl::string_view::npos;
}

absl::Status CheckNoScope(absl::string_view text) {
  const size_t percent = text.find('%');
  if (percent == absl::string_view::npos) {
    return absl::OkStatus();
  }
  const absl::string_view scope = text.substr(percent, text.find('/') - percent);
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' names an interface; leave out '", scope, "', the group says it"));
}

bool IsHost(absl::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const auto address = IpAddress::Parse(host.substr(1, host.size() - 2));
    return address.ok() && address->IsV6();
  }
  if (AllOf(host, "0123456789.")) {
    return IpAddress::Parse(host).ok();
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
  });
}

}  // namespace

absl::StatusOr<absl::Duration> ParseTime(absl::string_view text, Never never) {
  const absl::string_view or_never = never == Never::kAllowed ? " or \"never\"" : "";
  if (text == "never") {
    if (never == Never::kAllowed) {
      return absl::InfiniteDuration();
    }
    return absl::InvalidArgumentError("'never' is not possible here; write a time such as \"2ms\"");
  }
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no time; write a number with its unit such as \"5s\", ",
                     "\"200ms\", \"1m30s\"", or_never));
  }
  return duration;
}

absl::StatusOr<IpAddress> ParseAddress(absl::string_view text) {
  if (const absl::Status status = CheckNoScope(text); !status.ok()) {
    return status;
  }
  if (text.find('/') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has a prefix length; write the address alone"));
  }
  return IpAddress::Parse(text);
}

absl::StatusOr<IpPrefix> ParseAddressWithLength(absl::string_view text) {
  if (const absl::Status status = CheckNoScope(text); !status.ok()) {
    return status;
  }
  const size_t slash = text.find('/');
  if (slash != absl::string_view::npos && !AllOf(text.substr(slash + 1), "0123456789")) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' has no valid prefix length; write it as 198.51.100.1/24"));
  }
  return IpPrefix::Parse(text);
}

absl::Status CheckNicName(absl::string_view name) {
  absl::string_view fault;
  if (name.empty()) {
    fault = "is empty";
  } else if (name.size() >= IFNAMSIZ) {
    fault = "is longer than 15 bytes";
  } else if (name == "." || name == "..") {
    fault = "is a folder's name";
  } else if (name.find_first_of("/: \t\n\v\f\r") != absl::string_view::npos) {
    fault = "contains '/', ':' or whitespace";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is no NIC name: it ", fault, "; write it as 'ip link' shows it"));
}

absl::Status CheckHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon != absl::string_view::npos && colon > 0 && IsHost(text.substr(0, colon)) &&
      AllOf(text.substr(colon + 1), "0123456789") &&
      absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 1 && port <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text, "' is not host:port; write it as 127.0.0.1:9842 or [::1]:9842, or \"\" for none"));
}

}  // namespace stronghost
