// Whether an agent and this command look at one host. Pure.
#pragma once

#include "agent/decide/facts.h"
#include "agent/serve/report.h"

namespace stronghost {

// False if none of the agent's NICs is among the links of `facts`: a socket is reached from every
// network namespace that sees its file. True of an agent without NICs.
bool ServesThisHost(const StatusReport& report, const Facts& facts);

}  // namespace stronghost
