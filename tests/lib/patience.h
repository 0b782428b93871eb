// How long a deadline of the lab is on this machine.
#pragma once

#include "absl/time/time.h"

namespace stronghost::lab {

// STRONGHOST_TEST_PATIENCE (a whole number from 1 to 1000; 1) times as long: emulated guests are up
// to 23 times slower than their host. For deadlines only, never for what a test measures or for how
// long it waits to see that nothing happens.
absl::Duration Patient(absl::Duration deadline);

}  // namespace stronghost::lab
