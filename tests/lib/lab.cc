#include "tests/lib/lab.h"

#include <filesystem>
#include <functional>
#include <mutex>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/bpffs.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/ethtool.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

absl::StatusOr<CableEvent> Timed(const std::function<absl::Status()>& change) {
  CableEvent event;
  event.begin_ns = MonotonicNow();
  RETURN_IF_ERROR(change());
  event.end_ns = MonotonicNow();
  return event;
}

bool AllUp(const NetNs& netns) {
  auto rtnl = Rtnl::Open(netns);
  if (!rtnl.ok()) {
    return false;
  }
  const auto tentative = rtnl->TentativeAddresses();
  const auto links = rtnl->Links();
  if (!tentative.ok() || *tentative != 0 || !links.ok()) {
    return false;
  }
  for (const LinkState& link : *links) {
    // Tunnel devices like sit0 appear unasked where the kernel has them built in.
    const bool ours = !link.mac.IsZero() || link.name == "lo";
    if (ours && !(link.oper_up && link.forwarding && link.admin_up)) {
      return false;
    }
  }
  return true;
}

}  // namespace

void SweepLeftOvers() {
  SweepNetNamespaces();
  SweepCgroups();
  SweepPinFolders();
  for (const std::string& name : DeadNamesIn("/tmp")) {
    std::error_code ignored;
    std::filesystem::remove_all(absl::StrCat("/tmp/", name), ignored);
  }
}

absl::StatusOr<std::unique_ptr<Lab>> Lab::Create(const LabOptions& options) {
  static std::once_flag swept;
  std::call_once(swept, SweepLeftOvers);
  if (options.segments < 1 || options.segments > 2 || options.nics < 0 || options.nics > 40 ||
      options.clients < 1 || options.clients > 10) {
    return absl::InvalidArgumentError(
        "lab: 1 or 2 segments, 0 to 40 NICs and 1 to 10 clients each");
  }
  std::unique_ptr<Lab> lab(new Lab(options));
  RETURN_IF_ERROR(lab->MakeNamespaces());
  RETURN_IF_ERROR(lab->MakeLinks());
  RETURN_IF_ERROR(lab->SetOffloads());
  RETURN_IF_ERROR(lab->OpenControls());
  RETURN_IF_ERROR(lab->AwaitReady());
  return lab;
}

absl::Status Lab::MakeNamespaces() {
  ASSIGN_OR_RETURN(server_, NetNs::Create("server"));
  ASSIGN_OR_RETURN(switch_, NetNs::Create("switch"));
  for (int client = 0; client < plan_.client_count(); ++client) {
    ASSIGN_OR_RETURN(NetNs netns, NetNs::Create(absl::StrCat("client", client)));
    clients_.push_back(std::move(netns));
  }
  // A switch says nothing of its own and filters nothing.
  RETURN_IF_ERROR(switch_->SetSysctl("net/ipv6/conf/default/disable_ipv6", "1"));
  RETURN_IF_ERROR(switch_->SetSysctl("net/ipv6/conf/all/disable_ipv6", "1"));
  for (const auto& [path, value] : plan_.options().server_sysctls) {
    RETURN_IF_ERROR(server_->SetSysctl(path, value));
  }
  if (plan_.options().gateway) {
    ASSIGN_OR_RETURN(gateway_, NetNs::Create("gateway"));
    ASSIGN_OR_RETURN(far_, NetNs::Create("far"));
    RETURN_IF_ERROR(gateway_->SetSysctl("net/ipv4/ip_forward", "1"));
    RETURN_IF_ERROR(gateway_->SetSysctl("net/ipv6/conf/all/forwarding", "1"));
  }
  return absl::OkStatus();
}

absl::Status Lab::MakeLinks() {
  LabPlan::Names names{.server = server_->name()};
  for (const NetNs& client : clients_) {
    names.clients.push_back(client.name());
  }
  if (gateway_.has_value()) {
    names.gateway = gateway_->name();
    names.far = far_->name();
  }
  RETURN_IF_ERROR(switch_->IpBatch(plan_.SwitchCommands(names)));
  RETURN_IF_ERROR(server_->IpBatch(plan_.ServerCommands()));
  for (int client = 0; client < plan_.client_count(); ++client) {
    RETURN_IF_ERROR(this->client(client).IpBatch(plan_.ClientCommands(client)));
  }
  if (gateway_.has_value()) {
    RETURN_IF_ERROR(gateway_->IpBatch(plan_.GatewayCommands(names)));
    RETURN_IF_ERROR(far_->IpBatch(LabPlan::FarCommands()));
  }
  return absl::OkStatus();
}

absl::Status Lab::SetOffloads() {
  for (int nic = 0; nic < plan_.nic_count(); ++nic) {
    if (!plan_.options().offloads) {
      RETURN_IF_ERROR(SetTransmitOffload(*server_, LabPlan::Nic(nic), false));
    }
    if (plan_.options().xdp_transmit) {
      RETURN_IF_ERROR(SetGro(*switch_, LabPlan::Port(nic), true));
    }
  }
  for (int client = 0; !plan_.options().offloads && client < plan_.client_count(); ++client) {
    RETURN_IF_ERROR(SetTransmitOffload(this->client(client), LabPlan::kClientNic, false));
  }
  return absl::OkStatus();
}

absl::Status Lab::OpenControls() {
  ASSIGN_OR_RETURN(switch_rtnl_, Rtnl::Open(*switch_));
  ASSIGN_OR_RETURN(server_rtnl_, Rtnl::Open(*server_));
  for (int nic = 0; nic < plan_.nic_count(); ++nic) {
    ASSIGN_OR_RETURN(const int port, switch_->IfIndex(LabPlan::Port(nic)));
    ASSIGN_OR_RETURN(const int index, server_->IfIndex(LabPlan::Nic(nic)));
    port_index_.push_back(port);
    nic_index_.push_back(index);
  }
  for (int segment = 0; segment < plan_.options().segments; ++segment) {
    ASSIGN_OR_RETURN(const int bridge, switch_->IfIndex(LabPlan::Bridge(segment)));
    bridge_index_.push_back(bridge);
  }
  return absl::OkStatus();
}

absl::Status Lab::AwaitReady() {
  std::vector<const NetNs*> all = {&*server_, &*switch_};
  for (const NetNs& client : clients_) {
    all.push_back(&client);
  }
  if (gateway_.has_value()) {
    all.push_back(&*gateway_);
    all.push_back(&*far_);
  }
  for (const NetNs* netns : all) {
    RETURN_IF_ERROR(Await(
        absl::Seconds(10), [netns] { return AllUp(*netns); },
        absl::StrCat("links and addresses of ", netns->name())));
  }
  return absl::OkStatus();
}

absl::StatusOr<CableEvent> Lab::PullCable(int nic) {
  return Timed(
      [&] { return switch_rtnl_->SetUp(port_index_.at(static_cast<size_t>(nic)), false); });
}

absl::StatusOr<CableEvent> Lab::PlugCable(int nic) {
  return Timed([&] { return switch_rtnl_->SetUp(port_index_.at(static_cast<size_t>(nic)), true); });
}

absl::StatusOr<CableEvent> Lab::SetAdmin(int nic, bool up) {
  return Timed([&] { return server_rtnl_->SetUp(nic_index_.at(static_cast<size_t>(nic)), up); });
}

absl::StatusOr<CableEvent> Lab::RemoveNic(int nic) {
  return Timed([&] { return server_rtnl_->Delete(nic_index_.at(static_cast<size_t>(nic))); });
}

absl::Status Lab::InsertNic(int nic) {
  const auto slot = static_cast<size_t>(nic);
  RETURN_IF_ERROR(switch_->IpBatch(plan_.CableCommands({.server = server_->name()}, nic)));
  RETURN_IF_ERROR(server_->IpBatch(RaiseCommands(LabPlan::Nic(nic), LabPlan::NicMac(nic))));
  ASSIGN_OR_RETURN(port_index_.at(slot), switch_->IfIndex(LabPlan::Port(nic)));
  ASSIGN_OR_RETURN(nic_index_.at(slot), server_->IfIndex(LabPlan::Nic(nic)));
  return AwaitLink(nic, /*up=*/true);
}

absl::StatusOr<CableEvent> Lab::CutUplink(int nic) {
  return Timed(
      [&] { return switch_rtnl_->SetMaster(port_index_.at(static_cast<size_t>(nic)), 0); });
}

absl::StatusOr<CableEvent> Lab::MendUplink(int nic) {
  const int bridge = bridge_index_.at(static_cast<size_t>(plan_.SegmentOfNic(nic)));
  return Timed(
      [&] { return switch_rtnl_->SetMaster(port_index_.at(static_cast<size_t>(nic)), bridge); });
}

absl::Status Lab::AwaitLink(int nic, bool up, absl::Duration deadline) {
  const auto index = static_cast<size_t>(nic);
  return Await(
      deadline,
      [&] {
        const auto own = server_rtnl_->Link(nic_index_.at(index));
        const auto port = switch_rtnl_->Link(port_index_.at(index));
        if (!own.ok() || !port.ok()) {
          return false;
        }
        return up ? own->carrier && own->oper_up && port->forwarding : !own->carrier;
      },
      absl::StrCat(LabPlan::Nic(nic), up ? " to have carrier" : " to lose carrier"));
}

}  // namespace stronghost::lab
