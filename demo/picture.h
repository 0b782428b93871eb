// The figures as text and as SVG. Pure.
#pragma once

#include <string>

#include "demo/scenes.h"

namespace stronghost::demo {

// Table and time lines for a terminal of 100 columns; `color` adds escape sequences.
std::string DrawText(const Figures& plain, const Figures& stronghost, bool color);

// The time lines as a picture that reads in light and dark mode.
std::string DrawSvg(const Figures& plain, const Figures& stronghost);

}  // namespace stronghost::demo
