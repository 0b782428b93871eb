// A suggestion as the text of a stronghost.toml. Pure.
#pragma once

#include <string>

#include "agent/suggest/suggest.h"

namespace stronghost {

// Lines that begin with "# " are text; with "#" and a key, settings to be taken into use by taking
// the "#" away. The text passes ParseConfig(), and so it does with all of them in use.
std::string ToToml(const Suggestion& suggestion);

}  // namespace stronghost
