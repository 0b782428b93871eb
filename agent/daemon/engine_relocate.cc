// Addresses that get another home: made there before they are broken here.
//
// Order of writes: the new home has the address, then the maps say so, then the old home loses it
// (ApplyKernelState), each step found in the kernel or in the inventory by the next start. What an
// operator ordered is in the state file before the first of them; of what a lost NIC takes away,
// the inventory says where it belongs, and the kernel where it went.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/act/masqueraded.h"
#include "agent/act/move_addresses.h"
#include "agent/act/neighbors.h"
#include "agent/act/removal_limit.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"

namespace stronghost {
namespace {

constexpr absl::Duration kSavePause = absl::Seconds(1);

}  // namespace

// What fails here is tried again by ApplyKernelState(), which tells.
void Engine::MoveIn() {
  if (decision_.relocations.empty()) {
    return;
  }
  for (const Relocation& relocation : decision_.relocations) {
    CarryNeighborsOf(relocation);
    if (const LinkFact* from = facts_.FindLink(relocation.from); from != nullptr) {
      for (const IpAddress& ip : relocation.addresses) {
        removals_.Forget({from->index, ip});  // it was no copy there, but the address
      }
    }
  }
  std::set<IpAddress> moving;
  for (const Relocation& relocation : decision_.relocations) {
    moving.insert(relocation.addresses.begin(), relocation.addresses.end());
  }
  std::vector<KernelStep> steps;
  for (const bool moved : {true, false}) {
    for (const AddressFact& fact : moved ? decision_.kernel.moved : decision_.kernel.addresses) {
      if (moving.contains(fact.ip.address)) {
        steps.emplace_back(AddAddress{fact, moved});
        if (!moved) {
          state_file_->RecordAddress({NameOf(fact.link), fact.ip});
        }
      }
    }
  }
  const ApplyReport report = AddMovingAddresses(*netlink_, steps, facts_);
  std::set<std::pair<IfIndex, IpAddress>> skip;  // refused, or known to be there
  for (const StepFailure& failure : report.failures) {
    const AddressFact& address = std::get<AddAddress>(failure.step).address;
    skip.emplace(address.link, address.ip.address);
  }
  const std::set<std::pair<IfIndex, IpAddress>> refused = skip;
  for (const AddressFact& fact : facts_.addresses) {
    skip.emplace(fact.link, fact.ip.address);
  }
  absl::btree_map<IfIndex, HomeIndex> homes;
  for (const auto& [index, home] : decision_.datapath.homes) {
    homes[home.link] = index;
  }
  for (const KernelStep& step : steps) {
    const AddressFact& address = std::get<AddAddress>(step).address;
    const std::pair<IfIndex, IpAddress> id{address.link, address.ip.address};
    if (refused.contains(id)) {
      continue;  // whoever has it still speaks for it
    }
    decision_.datapath.addresses[{address.ip.address}].home = homes[address.link];
    if (!skip.contains(id)) {
      // The news of it is still under way, and so may be that of somebody's deletion.
      facts_.addresses.push_back(address);
      decision_.inventory.addresses[address.ip.address].settled = true;
    }
  }
}

// The first packet from the new home then needs no resolution.
void Engine::CarryNeighborsOf(const Relocation& relocation) {
  const auto& nics = decision_.inventory.nics;
  const auto from = nics.find(relocation.from);
  const LinkFact* to = facts_.FindLink(relocation.to);
  if (from == nics.end() || to == nullptr) {
    return;
  }
  const absl::Time now = MonotonicNow();
  absl::Status status = neighbors_->Read(now);
  status.Update(
      CarryNeighbors(*netlink_, neighbors_->memory().On(from->second.link, now), to->index));
  if (!status.ok()) {
    Problem("hand on neighbours", status);
  } else {
    ClearProblem("hand on neighbours");
  }
}

// Peers learn the new home's MAC, and the switch where the old one is served.
void Engine::AnnounceRelocations() {
  absl::btree_map<HomeIndex, std::vector<IpAddress>> arrived;
  for (const Relocation& relocation : decision_.relocations) {
    if (const auto member = MemberNamed(relocation.to); member.ok()) {
      std::vector<IpAddress>& addresses = arrived[(*member)->home];
      addresses.insert(addresses.end(), relocation.addresses.begin(), relocation.addresses.end());
    }
    for (const auto& [index, home] : applied_.homes) {
      if (home.alias && home.name == relocation.from) {
        announcements_.Start({.home = index,
                              .wire = home.path.wire,
                              .mac = home.mac,
                              .home_mac = home.mac,
                              .addresses = {},
                              .groups = {}},
                             MonotonicNow());
      }
    }
  }
  for (auto& [index, addresses] : arrived) {
    AnnounceArrived(index, std::move(addresses));
  }
  SendDue();
  TellRelocations();
}

// The new homes are at work, and the old ones have the addresses still: the last moment to count
// what ends with them. (A NIC that went took its sessions along; for an order Move() counted.)
void Engine::TellRelocations() {
  const auto is_planned = [](const Relocation& relocation) {
    return relocation.cause == "carrier" || relocation.cause == "failback";
  };
  std::vector<IpAddress> planned;
  for (const Relocation& relocation : decision_.relocations) {
    if (is_planned(relocation)) {
      planned.insert(planned.end(), relocation.addresses.begin(), relocation.addresses.end());
    }
  }
  absl::btree_map<IpAddress, uint64_t> sessions;
  if (!planned.empty()) {
    if (auto counted = CountMasqueraded(planned); counted.ok()) {
      sessions = *std::move(counted);
    } else {
      observer_.on_problem(Message(counted.status()));
    }
  }
  for (const Relocation& relocation : decision_.relocations) {
    AddressesMoved told{.from = relocation.from,
                        .to = relocation.to,
                        .cause = relocation.cause,
                        .addresses = relocation.addresses.size()};
    if (const auto member = MemberNamed(relocation.to); member.ok()) {
      told.group = (*member)->group->name;
    }
    for (const IpAddress& ip : relocation.addresses) {
      const auto count = sessions.find(ip);
      told.sessions_ended += count == sessions.end() ? 0 : count->second;
    }
    observer_.on_addresses_moved(told);
  }
}

// Until now any NIC answered ARP for any address: peers may know the wrong one, which accepts
// nothing for it from now on. (IPv6 had one speaker before.)
void Engine::AnnounceOwners() {
  absl::btree_map<HomeIndex, std::vector<IpAddress>> owned;
  for (const auto& [key, owner] : applied_.addresses) {
    if (key.address.IsV4()) {
      owned[owner.home].push_back(key.address);
    }
  }
  for (auto& [home, addresses] : owned) {
    AnnounceArrived(home, std::move(addresses));
  }
  SendDue();
}

// A job replaces the running one, so it goes on with what that one had to tell.
void Engine::AnnounceArrived(HomeIndex index, std::vector<IpAddress> addresses) {
  if (!applied_.homes.contains(index) || !memory_.contains(index)) {
    return;
  }
  const absl::Time now = MonotonicNow();
  auto& [when, recent] = arrived_[index];
  if (when + kAnnounceMemory > now) {
    for (const IpAddress& ip : recent) {
      if (std::find(addresses.begin(), addresses.end(), ip) == addresses.end() &&
          applied_.addresses.contains({ip}) && applied_.addresses.at({ip}).home == index) {
        addresses.push_back(ip);
      }
    }
  }
  when = now;
  recent = addresses;
  AnnounceJob job = JobOf(index);
  job.announce_addresses = true;
  job.addresses = std::move(addresses);
  announcements_.Start(std::move(job), now);
}

// Somebody else may add an address again, as often as it is taken off the NIC that it left. It does
// no harm there: the maps say who speaks for it.
void Engine::LimitRemovals(std::vector<KernelStep>& steps) {
  const absl::Time now = MonotonicNow();
  const std::string topic = "keep an address off the NIC that it left";
  std::vector<std::string> kept;
  std::erase_if(steps, [&](const KernelStep& step) {
    const auto* deletion = std::get_if<DeleteAddress>(&step);
    if (deletion == nullptr) {
      return false;
    }
    const IfIndex link = deletion->address.link;
    const IpAddress& ip = deletion->address.ip.address;
    const bool left =
        std::any_of(decision_.kernel.left.begin(), decision_.kernel.left.end(),
                    [&](const LeftAddress& entry) { return entry.link == link && entry.ip == ip; });
    if (!left || removals_.Take({link, ip}, now)) {
      return false;
    }
    kept.push_back(absl::StrCat(ip.ToString(), " on ", NameOf(link)));
    return true;
  });
  removals_.Prune(now);
  if (kept.empty()) {
    ClearProblem(topic);
    return;
  }
  Problem(topic, absl::ResourceExhaustedError(absl::StrCat(
                     "somebody adds ", absl::StrJoin(kept, ", "),
                     " again and again; it is left alone for a minute and not used, have that ",
                     "NIC's network manager let go of it")));
}

// The file is written at once for what it has to know before anybody else does; news of adopted
// addresses can wait for more of them.
void Engine::KeepInventory() {
  reach_ = decision_.reach;
  for (const auto& [ip, residence] : decision_.inventory.addresses) {
    // Added by a run that was killed before it could write that down.
    if (residence.relocated() && residence.settled && !residence.adopted) {
      state_file_->RecordAddress({residence.home, {ip, residence.length}});
    }
  }
  if (state_file_->state().inventory == decision_.inventory) {
    return;
  }
  state_file_->SetInventory(decision_.inventory);
  if (!decision_.relocations.empty()) {
    save_ = MonotonicNow();
  } else if (save_ == absl::InfiniteFuture()) {
    save_ = MonotonicNow() + kSavePause;
  }
}

absl::StatusOr<MoveReport> Engine::Move(const IpAddress& address, const std::string& nic) {
  const Inventory before = state_file_->state().inventory;
  const auto found = before.addresses.find(address);
  if (found == before.addresses.end()) {
    return absl::NotFoundError(
        absl::StrCat(address.ToString(),
                     address.IsLinkLocal() ? " lives and dies with its NIC" : " is not managed",
                     "; name an address that `stronghost status` lists, not a link-local one"));
  }
  ASSIGN_OR_RETURN(const Member* const target, MemberNamed(nic));
  const Residence& residence = found->second;
  std::vector<std::string> siblings;
  for (const Member& member : decision_.members) {
    if (member.name == residence.home) {
      siblings = member.group->Members();
    }
  }
  if (std::find(siblings.begin(), siblings.end(), nic) == siblings.end()) {
    return absl::FailedPreconditionError(absl::StrCat(nic, " is not in the group of ",
                                                      address.ToString(), "; name one of ",
                                                      absl::StrJoin(siblings, ", ")));
  }
  if (!target->usable()) {
    return absl::FailedPreconditionError(absl::StrCat(nic, " is ", ToString(target->state),
                                                      "; bring it up, or `stronghost undrain` it"));
  }
  const IfIndex link = target->link->index;  // decisions to come make other members
  MoveReport report{.address = address.ToString(), .from = residence.home, .to = nic};
  if (report.from != report.to) {
    if (residence.valid_until != absl::InfiniteFuture()) {
      const absl::Duration left = residence.valid_until - MonotonicNow();
      report.expires_in = static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Seconds(left)));
    }
    const auto sessions = CountMasqueraded({address});
    if (sessions.ok()) {
      for (const auto& [ip, count] : *sessions) {
        report.sessions_ended += count;
      }
    } else {
      observer_.on_problem(Message(sessions.status()));
    }
  }
  Inventory ordered = before;
  OrderMove(ordered, facts_, address, nic);
  state_file_->SetInventory(ordered);
  if (const absl::Status status = state_file_->Save(); !status.ok()) {
    state_file_->SetInventory(before);
    return status;
  }
  PlaceWires();
  Reconcile();
  const bool there = std::any_of(
      facts_.addresses.begin(), facts_.addresses.end(),
      [&](const AddressFact& fact) { return fact.link == link && fact.ip.address == address; });
  if (!there) {
    const auto problem = failures_.find("change the kernel");
    const std::string why =
        problem == failures_.end() ? "" : absl::StrCat(" (", problem->second, ")");
    state_file_->SetInventory(before);  // it has it still, and speaks for it
    SaveState();
    Reconcile();
    return absl::UnavailableError(absl::StrCat(nic, " does not take ", address.ToString(), why,
                                               ", which stays on ", report.from,
                                               "; mend that and move it again"));
  }
  return report;
}

}  // namespace stronghost
