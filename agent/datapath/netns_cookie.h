// The kernel's number for a network namespace, by which BPF programs that see all of them know one.
#pragma once

#include <cstdint>
#include <optional>

namespace stronghost {

// Of the network namespace of the calling thread; nullopt before Linux 5.14.
std::optional<uint64_t> NetnsCookie();

}  // namespace stronghost
