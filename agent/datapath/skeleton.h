// The generated skeleton, for C++. Include this in place of stronghost.skel.h.
#pragma once

#include <bpf/libbpf.h>

#include "maps/trace.h"  // of a global variable

// The skeleton spells settings with C's _Bool, for which strict C++ of clang has no name.
#ifndef _Bool
#define _Bool bool  // NOLINT(bugprone-reserved-identifier)
#endif

#include "stronghost.skel.h"
