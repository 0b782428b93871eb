#pragma once

namespace stronghost {

// Version of the build ("0.1.0"), of daemon and command alike.
const char* Version();

}  // namespace stronghost
