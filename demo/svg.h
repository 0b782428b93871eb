// The time lines as an SVG picture. Pure.
#pragma once

#include <string>
#include <vector>

#include "demo/track.h"

namespace stronghost::demo {

// One panel below the other on a common time axis, with a legend and `caption` below. The picture
// has a ground of its own and follows the reader's light or dark mode.
std::string DrawSvg(const std::vector<Picture>& pictures, const std::string& caption);

}  // namespace stronghost::demo
