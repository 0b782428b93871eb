#include "agent/datapath/report.h"

namespace stronghost {

const char* ToString(TcKind kind) {
  switch (kind) {
    case TcKind::kTcx:
      return "tcx";
    case TcKind::kClsact:
      return "clsact";
  }
  return "?";
}

const char* ToString(XdpKind kind) {
  switch (kind) {
    case XdpKind::kOff:
      return "off";
    case XdpKind::kNative:
      return "native";
    case XdpKind::kGeneric:
      return "generic";
  }
  return "?";
}

}  // namespace stronghost
