// Errors inside the agent are absl::Status: it carries a code that callers can branch on and a
// message that a person can act on; exceptions and bare bool/-1 carry neither. Lower layers
// return, the owner logs once. errno enters through ErrnoError() only, so that every message
// names the operation and its object.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost {

// Status for a failed system call: "WHAT: strerror(ERROR_NUMBER)". `error_number` is positive
// (errno) or negative (kernel and libbpf return value); zero is a bug in the caller and yields
// an internal error, never OK.
absl::Status ErrnoError(int error_number, absl::string_view what);

// Whether errno of a packet socket (packet(7)) says that its interface is down or gone. The link's
// own event says so as well, and better.
bool IsLinkLost(int error_number);

// `status` with "CONTEXT: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// The message of a status as std::string (absl::string_view is no std::string_view here).
std::string Message(const absl::Status& status);

}  // namespace stronghost

#define SH_CONCAT_INNER(a, b) a##b
#define SH_CONCAT(a, b) SH_CONCAT_INNER(a, b)

// Returns the status from the enclosing function unless it is OK.
#define RETURN_IF_ERROR(expression)                               \
  do {                                                            \
    if (absl::Status sh_status = (expression); !sh_status.ok()) { \
      return sh_status;                                           \
    }                                                             \
  } while (false)

// ASSIGN_OR_RETURN(auto value, Function()): assigns the value or returns the status.
#define ASSIGN_OR_RETURN(declaration, expression) \
  SH_ASSIGN_OR_RETURN_IMPL(SH_CONCAT(sh_result_, __LINE__), declaration, expression)
#define SH_ASSIGN_OR_RETURN_IMPL(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) {                                             \
    return std::move(result).status();                            \
  }                                                               \
  declaration = *std::move(result)
