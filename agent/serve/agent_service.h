// The methods of the control socket: a call in, replies out, no I/O.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "agent/serve/agent_api.h"
#include "agent/serve/varlink_message.h"

namespace stronghost {

// Gives the replies to one call, one each time it is called; the last has `continues` false.
// Asked only when the one before has been written, so that a slow reader holds up only itself.
// nullopt: there is none yet; ask again after the next event of AgentApi::Events().
using VarlinkReplies = std::function<std::optional<VarlinkReply>()>;

// Answers one call. The method runs when the first reply is asked for. `continues` is set only
// where call.more is. `api` has to outlive the replies.
VarlinkReplies AnswerCall(const VarlinkCall& call, AgentApi* api);

// Messages read "what is wrong; the mend": cut at the first "; ". The mend may be "".
std::pair<std::string, std::string> SplitMend(absl::string_view message);

}  // namespace stronghost
