// Other programs that give a NIC its addresses: the real systemd-networkd and dhclient on the
// lab's server, and a real DHCP server for them on its gateway.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/lab.h"
#include "tests/lib/process.h"

namespace stronghost::lab {

// dnsmasq, which gives eth0 and eth1 of the server the IPv4 addresses that the plan has for them. A
// lease is for 2 minutes and renewed after 3 s (dnsmasq takes no less).
class DhcpServer {
 public:
  static absl::StatusOr<DhcpServer> Start(Lab& lab);
  [[nodiscard]] std::string Log() const { return dnsmasq_.Output(); }

 private:
  explicit DhcpServer(Process dnsmasq) : dnsmasq_(std::move(dnsmasq)) {}
  Process dnsmasq_;
};

// A manager of NICs in a mount namespace of its own, where /run is empty and /etc read-only: it
// finds no D-Bus and no udev, and nothing of what it writes is the machine's. Move-only; killed at
// destruction.
class AddressManager {
 public:
  // Of eth0 and eth1, with DHCPv4 and the plan's IPv6 addresses; `network` are further lines of
  // [Network].
  static absl::StatusOr<AddressManager> Networkd(Lab& lab, const std::string& network);
  // Of eth0, with DHCPv4.
  static absl::StatusOr<AddressManager> Dhclient(Lab& lab);

  AddressManager(AddressManager&& other) noexcept
      : lab_(other.lab_),
        script_(std::move(other.script_)),
        bound_(std::move(other.bound_)),
        folder_(std::exchange(other.folder_, "")),
        process_(std::move(other.process_)) {}
  AddressManager& operator=(AddressManager&&) = delete;
  ~AddressManager();

  // Starts it; one that runs is killed first.
  absl::Status Begin();
  // Begin(), then waits until it says that eth0 has a lease.
  absl::Status Start();
  [[nodiscard]] const Process& process() const { return *process_; }
  // Dhclient only: `dhclient -r`, which gives the lease back and ends the running one.
  absl::Status Release();

 private:
  AddressManager(Lab& lab, const std::string& command, std::string bound);
  absl::Status Write(const std::string& file, const std::string& text) const;
  [[nodiscard]] ProcessOptions Command(const std::string& argument = "") const;

  Lab* lab_;
  std::string script_;
  std::string bound_;  // what it says when eth0 has a lease
  std::string folder_;
  std::optional<Process> process_;
};

}  // namespace stronghost::lab
