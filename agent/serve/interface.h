// The varlink interfaces of the control socket: names, errors and descriptions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace stronghost {

constexpr absl::string_view kServiceInterface = "org.varlink.service";
constexpr absl::string_view kAgentInterface = "io.stronghost.Agent";

// Error of a refused or failed method: parameters `message` and `mend`.
constexpr absl::string_view kRefusedError = "io.stronghost.Agent.Refused";

constexpr absl::string_view kInvalidParameterError = "org.varlink.service.InvalidParameter";
constexpr absl::string_view kInterfaceNotFoundError = "org.varlink.service.InterfaceNotFound";
constexpr absl::string_view kExpectedMoreError = "org.varlink.service.ExpectedMore";
constexpr absl::string_view kMethodNotFoundError = "org.varlink.service.MethodNotFound";

// Interface definitions (varlink.org/Interface-Definition).
absl::string_view ServiceDescription();
absl::string_view AgentDescription();

}  // namespace stronghost
