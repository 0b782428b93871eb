// Text forms of single settings. Errors say what is wrong and the mend.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost {

enum class Never { kAllowed, kRefused };

// "5s", "2ms", "1m30s" (absl::ParseDuration); "never" is absl::InfiniteDuration() where allowed.
absl::StatusOr<absl::Duration> ParseTime(absl::string_view text, Never never);

// An address of either family; a scope ("fe80::1%eth0") is refused with its own message.
absl::StatusOr<IpAddress> ParseAddress(absl::string_view text);
absl::StatusOr<IpPrefix> ParseAddressWithLength(absl::string_view text);

// The kernel's rule (dev_valid_name): 1 to 15 bytes without '/', ':' or whitespace.
absl::Status CheckNicName(absl::string_view name);

// "127.0.0.1:9842", "[::1]:9842", "localhost:9842".
absl::Status CheckHostPort(absl::string_view text);

}  // namespace stronghost
