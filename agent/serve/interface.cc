#include "agent/serve/interface.h"

namespace stronghost {
namespace {

constexpr char kService[] = R"(# Answered by every varlink service.
interface org.varlink.service

# What the service is, and which interfaces it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The definition of one interface.
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
)";

constexpr char kAgent[] = R"(# The agent that keeps the strong host model on this host.
# Times are RFC 3339 in UTC, or null where they are not known.
interface io.stronghost.Agent

type Nic (
  name: string,
  # 0 while the NIC is missing
  ifindex: int,
  # "" while it is not known
  mac: string,
  state: (missing, down, drained, suspect, standby, up),
  # index in the map sh_homes
  home: int,
  carrier: bool,
  # null while the NIC is missing
  xdp: ?(native, generic, off),
  tc: ?(tcx, clsact),
  notes: []string,
  # last change of state
  since: ?string,
  # what is wrong with it or behind it, since when, and the mend; null: nothing that is known of
  cause: ?(nic, cable, uplink, gateway, segment),
  cause_since: ?string,
  mend: ?string
)

# A gateway as one NIC hears it.
type Gateway (
  ip: string,
  nic: string,
  # null: not known
  mac: ?string,
  state: (fine, probing, dead, back, unresolved),
  # of the state
  since: ?string,
  # unicast came from it
  heard: ?string
)

type Address (
  # without prefix length; a link-local address bears its NIC: fe80::1%eth0
  ip: string,
  # the NIC that owns the address
  home: string,
  # the NIC that carries it now; null: none
  wire: ?string,
  # relocated: the NIC that it belongs to, and returns to; else null
  origin: ?string,
  since: ?string
)

# Addresses that belong to a home without standing on it: containers, routed subnets, AnyIP ranges.
type Prefix (
  prefix: string,
  home: string,
  # null: none
  wire: ?string
)

# Another NIC carries the frames of a home.
type StandIn (
  home: string,
  wire: string,
  addresses: int,
  since: ?string
)

type Group (
  name: string,
  mac: ?(follow, stay),
  nics: ?[]Nic,
  gateways: ?[]Gateway,
  addresses: []Address,
  prefixes: ?[]Prefix,
  stand_ins: ?[]StandIn
)

type Counter (packets: int, bytes: int)

type Daemon (
  version: string,
  pid: int,
  started: ?string,
  carrier_signals: []string,
  # why fentry is not among them, and the mend; "": it is
  no_fentry: ?string,
  pin_dir: string
)

# The whole state. Called with "more", the first reply has everything but the addresses, and
# each further one some addresses under the name of their group.
method Status() -> (
  groups: []Group,
  # verdict -> packets of all NICs
  counters: ?[string]int,
  # NIC -> verdict
  nic_counters: ?[string][string]Counter,
  # what is wrong, and the mend
  problems: ?[]string,
  agent: ?Daemon
)

# What becomes of a packet from source to destination, and why. A link-local address may bear
# its NIC: fe80::1%eth0.
method Explain(source: string, destination: string) -> (
  source: string,
  destination: string,
  home: ?string,
  wire: ?string,
  action: (pass, redirect, unmanaged),
  next_hop: ?string,
  why: []string
)

# Takes a NIC out of service: another one carries its frames, its addresses stay where they are.
# The last usable NIC of a group is refused, unless force is true. It outlives the agent, and ends
# with Undrain, Detach or a reboot.
method Drain(nic: string, force: ?bool) -> (
  nic: string,
  state: (missing, down, drained, suspect, standby, up),
  # the NIC that carries its frames now; null: none
  wire: ?string,
  # that the NIC owns
  addresses: int
)

# Puts a NIC back into service, and its frames back on it at once.
method Undrain(nic: string) -> (
  nic: string,
  state: (missing, down, drained, suspect, standby, up),
  wire: ?string,
  addresses: int
)

# Makes an address live on another NIC of its group, for good: that is where it belongs from then
# on. No packet is lost; masqueraded sessions of that address end.
method Move(address: string, nic: string) -> (
  address: string,
  # the NICs that it lived on, and lives on now
  from: string,
  to: string,
  # masqueraded ones, that it ended
  sessions_ended: ?int,
  # seconds of its lifetime; 0: it has no end
  expires_in: ?int
)

# What would become of a home.
type WhatIfHome (
  group: string,
  nic: string,
  # the NIC that carries it now, and the one that would; null: none
  wire: ?string,
  then: ?string,
  addresses: int
)

# Addresses that would live elsewhere.
type WhatIfRelocation (from: string, to: string, addresses: int)

# What would happen if these NICs lost their link now, all together, or were removed (gone).
# Nothing is changed.
method WhatIf(nics: []string, gone: ?bool) -> (
  homes: []WhatIfHome,
  relocated: []WhatIfRelocation
)

# What happens, as it happens; to be called with "more", and without an end. The first event is
# "watching". Further keys go by the event:
#   failover, failback: nic is the home; from, to, cause, outage_ns (0: planned)
#   relocation: nic is where the addresses lived; to, cause, addresses, sessions_ended
#   nic: a NIC's state; state, was
#   path: a gateway (null: all that is behind the NIC) through a NIC; gateway, state, cause
#   drain, undrain, reload, conflict, problem
#   lost: events, so many were not read in time
method Watch() -> (
  # RFC 3339
  time: string,
  event: string,
  group: ?string,
  nic: ?string,
  detail: string,
  from: ?string,
  to: ?string,
  cause: ?string,
  outage_ns: ?int,
  addresses: ?int,
  sessions_ended: ?int,
  gateway: ?string,
  state: ?string,
  was: ?string,
  events: ?int
)

# Packets that end in a verdict (maps/README.md), as they do; to be called with "more", and without
# an end. Those of an address (source, destination, or asked for by ARP or ND), on a NIC, with these
# verdicts; all where nothing is given. A link-local address may bear its NIC: fe80::1%eth0. The first
# event is "tracing"; at most 2,000 packets a second are shown to all callers together, of whom there
# may be eight, and "missed" says how many were left out.
method Trace(address: ?string, nic: ?string, verdicts: ?[]string) -> (
  # RFC 3339
  time: string,
  event: (tracing, packet, missed),
  group: ?string,
  # that the packet is on
  nic: ?string,
  # the packet in words
  detail: string,
  program: ?(steer, deliver, guard),
  verdict: ?string,
  # bytes of the frame, which is shown as the program leaves it
  length: ?int,
  source_mac: ?string,
  destination_mac: ?string,
  # of ARP: the sender, and whom it asks for or tells
  source: ?string,
  destination: ?string,
  # of neighbour discovery
  target: ?string,
  protocol: ?string,
  source_port: ?int,
  destination_port: ?int,
  # id of a tag that the kernel keeps beside the frame
  vlan: ?int,
  # left out
  packets: ?int
)

# Removes the data path, restores what was changed, and ends the agent.
method Detach() -> ()

# Answers at once: the agent's loop runs.
method Ping() -> ()

# The request can't be met: why not, and what would help.
error Refused (message: string, mend: string)
)";

}  // namespace

absl::string_view ServiceDescription() {
  return kService;
}

absl::string_view AgentDescription() {
  return kAgent;
}

}  // namespace stronghost
