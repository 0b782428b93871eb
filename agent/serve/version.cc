#include "agent/serve/version.h"

namespace stronghost {

const char* Version() {
  return STRONGHOST_VERSION;
}

}  // namespace stronghost
