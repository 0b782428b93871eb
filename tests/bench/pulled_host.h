// A server with two NICs of a guest, whose cables the hypervisor pulls, and its client; with
// Stronghost, with Linux bonding, with team, or with nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "tests/bench/hypervisor.h"
#include "tests/lib/agent.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"
#include "tests/lib/rtnl.h"

namespace stronghost::bench {

// What keeps the server's address alive. At most one of `bond`, `team` and `mac` is set.
struct HostOptions {
  std::string name;
  std::string bond;   // options of an active-backup bond, as `ip` takes them: "miimon 100"
  std::string mac;    // Stronghost's mac: "follow" or "stay"
  bool team = false;  // the team driver, with teamd's activebackup runner and ethtool link watch
};

// The guest's eth0 and eth1 (n0 and n1 for the hypervisor) in the server's namespace, eth2 in the
// client's, all on one hub. The address that is looked at is .1, on eth0, or on the bond or team
// that prefers eth0; without one eth1 has .2. eth3 (n3) is up in the guest's first namespace, and
// nobody uses it. The NICs go back there at GiveBack(); a host that ends without it takes them
// along.
class PulledHost {
 public:
  // On return every link is up and the address is on eth0. The hypervisor has to live longer.
  static absl::StatusOr<std::unique_ptr<PulledHost>> Make(const HostOptions& options,
                                                          Hypervisor& hypervisor);

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const lab::NetNs& server() const { return server_; }
  [[nodiscard]] const lab::NetNs& client() const { return client_; }
  [[nodiscard]] static IpAddress ServerAddress(int family);
  [[nodiscard]] static IpAddress ClientAddress(int family);

  // eth0's cable.
  absl::Status Pull() { return hypervisor_->SetLink("n0", false); }
  // eth3's.
  absl::Status PullOther();
  // Both.
  absl::Status Plug();
  // Waits until eth0 carries the address, after a Plug().
  absl::Status AwaitHome();
  // An error unless what was pulled lost its carrier and, if anything could, eth1 carries the
  // address.
  absl::Status CheckPulled();

  absl::Status GiveBack();

 private:
  PulledHost(HostOptions options, Hypervisor& hypervisor, lab::NetNs server, lab::NetNs client,
             lab::Rtnl server_links)
      : options_(std::move(options)),
        hypervisor_(&hypervisor),
        server_(std::move(server)),
        client_(std::move(client)),
        server_links_(std::move(server_links)) {}
  absl::Status MakeLinks();
  absl::Status MakeTeam();
  absl::StatusOr<bool> HasCarrier(const std::string& nic);
  // The NIC that carries the address: the bond's or team's active one, or the wire.
  absl::StatusOr<std::string> Wire();

  HostOptions options_;
  Hypervisor* hypervisor_;
  lab::NetNs server_;
  lab::NetNs client_;
  lab::Rtnl server_links_;
  std::optional<lab::Process> teamd_;
  bool other_pulled_ = false;
  std::optional<lab::Agent> agent_;  // goes first
};

}  // namespace stronghost::bench
