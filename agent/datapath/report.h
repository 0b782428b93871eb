// What the datapath tells its user about a NIC's hooks, and what it is asked for.
#pragma once

#include <string>
#include <vector>

#include "agent/base/net_types.h"
#include "agent/config/config.h"

namespace stronghost {

// The kind of tc hook in use: tcx links (Linux 6.6), else filters of a clsact qdisc.
enum class TcKind { kTcx, kClsact };

// Where guard runs: in the driver, in the stack before tc, or as a part of deliver (tc ingress).
enum class XdpKind { kOff, kNative, kGeneric };

// "tcx", "clsact"; "off", "native", "generic". Never null.
const char* ToString(TcKind kind);
const char* ToString(XdpKind kind);

struct NicRequest {
  IfIndex link = IfIndex::kNone;
  std::string name;  // for messages
  XdpMode xdp = XdpMode::kAuto;
};

struct AttachReport {
  TcKind tc = TcKind::kTcx;
  XdpKind xdp = XdpKind::kOff;
  // For a person: programs of others on the NIC (id and name, left in place), an XDP mode that was
  // refused.
  std::vector<std::string> notes;
};

}  // namespace stronghost
