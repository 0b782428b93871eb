// The time lines in the terminal, two hosts side by side. Pure.
#pragma once

#include <string>

#include "demo/track.h"

namespace stronghost::demo {

// Both pictures have the same tracks and length. A cell is a stretch of time: a high block where
// everything arrived, a lower one where something was lost, a shaded one where nothing arrived.
// At most `columns` wide, which should be 60 or more.
std::string DrawTimelines(const Picture& left, const Picture& right, size_t columns, bool color);

}  // namespace stronghost::demo
