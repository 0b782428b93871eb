#include "tests/lab/managers.h"

#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

namespace fs = std::filesystem;

// $1 is the folder of the manager. A /sys that is read-only says that there is no udev to wait for.
// Unmounting a network namespace still reaches it (slave): so it keeps none alive.
constexpr char kPrivately[] = R"(set -e
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs tmpfs /run
mount --bind /etc /etc
mount -o remount,ro,bind /etc
[ ! -d /etc/systemd ] || mount -t tmpfs tmpfs /etc/systemd
)";

constexpr char kNetworkd[] = R"(mkdir -p /run/systemd/network
cp "$1"/*.network /run/systemd/network
export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd-networkd
)";

constexpr char kDhclient[] = R"(cd "$1"
exec dhclient -4 -d $2 -cf dhclient.conf -lf "$1/leases" -pf "$1/pid" eth0
)";

}  // namespace

absl::StatusOr<DhcpServer> DhcpServer::Start(Lab& lab) {
  std::vector<std::string> argv = {"dnsmasq",
                                   "--no-daemon",
                                   "--conf-file=/dev/null",
                                   "--user=root",
                                   "--pid-file=",
                                   "--port=0",
                                   "--log-facility=-",
                                   "--leasefile-ro",
                                   "--no-ping",
                                   "--dhcp-authoritative",
                                   "--bind-interfaces",
                                   "--interface=eth0",
                                   "--dhcp-option=option:T1,3",
                                   "--dhcp-option=option:T2,100"};
  for (const int nic : {0, 1}) {
    const std::string ip = lab.plan().NicAddress(nic, AF_INET).ToString();
    argv.push_back(absl::StrCat("--dhcp-range=", ip, ",static,2m"));
    argv.push_back(absl::StrCat("--dhcp-host=", LabPlan::NicMac(nic).ToString(), ",", ip));
  }
  ASSIGN_OR_RETURN(Process dnsmasq, Process::Start(lab.gateway(), {.argv = std::move(argv)}));
  RETURN_IF_ERROR(dnsmasq.AwaitOutput("sockets bound", absl::Seconds(10)));
  return DhcpServer(std::move(dnsmasq));
}

absl::StatusOr<AddressManager> AddressManager::Networkd(Lab& lab, const std::string& network) {
  AddressManager networkd(lab, kNetworkd, "eth0: DHCPv4 address");
  for (const int nic : {0, 1}) {
    const std::string name = LabPlan::Nic(nic);
    RETURN_IF_ERROR(networkd.Write(
        absl::StrCat(name, ".network"),
        absl::StrCat("[Match]\nName=", name, "\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n", network,
                     "\n[DHCPv4]\nClientIdentifier=mac\n[Address]\nAddress=",
                     lab.plan().NicAddress(nic, AF_INET6).ToString(), "/",
                     LabPlan::PrefixLength(0, AF_INET6), "\nDuplicateAddressDetection=none\n")));
  }
  return networkd;
}

absl::StatusOr<AddressManager> AddressManager::Dhclient(Lab& lab) {
  AddressManager dhclient(lab, kDhclient, "bound to");
  RETURN_IF_ERROR(dhclient.Write("dhclient.conf",
                                 "request subnet-mask, broadcast-address, routers,\n"
                                 "  dhcp-renewal-time, dhcp-rebinding-time;\n"
                                 "initial-delay 0;\n"));
  return dhclient;
}

AddressManager::AddressManager(Lab& lab, const std::string& command, std::string bound)
    : lab_(&lab),
      script_(absl::StrCat(kPrivately, command)),
      bound_(std::move(bound)),
      folder_(absl::StrCat("/tmp/", ScratchName("manager"))) {
  std::error_code error;
  fs::create_directory(folder_, error);
}

AddressManager::~AddressManager() {
  process_.reset();
  if (!folder_.empty()) {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
}

absl::Status AddressManager::Write(const std::string& file, const std::string& text) const {
  const std::string path = absl::StrCat(folder_, "/", file);
  std::ofstream stream(path);
  stream << text;
  stream.close();
  return stream ? absl::OkStatus() : absl::InternalError(absl::StrCat("write ", path));
}

ProcessOptions AddressManager::Command(const std::string& argument) const {
  return {.argv = {"unshare", "--mount", "--uts", "--propagation", "slave", "sh", "-c", script_,
                   "sh", folder_, argument}};
}

absl::Status AddressManager::Begin() {
  process_.reset();
  ASSIGN_OR_RETURN(Process process, Process::Start(lab_->server(), Command()));
  process_.emplace(std::move(process));
  return absl::OkStatus();
}

absl::Status AddressManager::Start() {
  RETURN_IF_ERROR(Begin());
  return process_->AwaitOutput(bound_, absl::Seconds(10));
}

absl::Status AddressManager::Release() {
  ASSIGN_OR_RETURN(Process release, Process::Start(lab_->server(), Command("-r")));
  ASSIGN_OR_RETURN(const int exit_status, release.Wait(absl::Seconds(10)));
  if (exit_status != 0 || !absl::StrContains(release.Output(), "DHCPRELEASE")) {
    return absl::InternalError(absl::StrCat("dhclient -r: ", release.Output()));
  }
  return absl::OkStatus();
}

}  // namespace stronghost::lab
