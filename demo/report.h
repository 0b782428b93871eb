// The figures of two hosts as a table. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "demo/score.h"

namespace stronghost::demo {

// "0.8 ms", "12 ms", "6,012 ms".
std::string Milliseconds(int64_t nanoseconds);

// "20,000".
std::string Thousands(uint64_t number);

// One line a figure: what it is, plain Linux, Stronghost. Good and bad ones in colour.
std::string DrawTable(const HostScore& plain, const HostScore& stronghost, bool color);

}  // namespace stronghost::demo
