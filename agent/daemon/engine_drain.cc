// An operator takes a NIC out of service and back: wires move, homes stay.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"

namespace stronghost {

absl::StatusOr<const Member*> Engine::MemberNamed(const std::string& nic) const {
  if (const Member* member = FindMember(decision_.members, nic); member != nullptr) {
    return member;
  }
  std::vector<std::string> names;
  for (const Member& member : decision_.members) {
    names.push_back(member.name);
  }
  return absl::NotFoundError(
      absl::StrCat("no group has a NIC '", nic, "'; name one of ", absl::StrJoin(names, ", ")));
}

DrainReport Engine::ReportDrain(const std::string& nic) const {
  DrainReport report{.nic = nic};
  const auto member = MemberNamed(nic);
  if (!member.ok()) {
    return report;
  }
  report.state = std::string(ToString((*member)->state));
  if ((*member)->home != HomeIndex::kNone) {
    report.wire = NameOf(datapath_->ReadPath((*member)->home).wire);
    report.addresses = static_cast<uint64_t>(
        std::count_if(applied_.addresses.begin(), applied_.addresses.end(),
                      [&](const auto& entry) { return entry.second.home == (*member)->home; }));
  }
  return report;
}

absl::StatusOr<DrainReport> Engine::Drain(const std::string& nic, bool force) {
  ASSIGN_OR_RETURN(const Member* const member, MemberNamed(nic));
  const bool last =
      member->usable() &&
      std::none_of(decision_.members.begin(), decision_.members.end(), [&](const Member& other) {
        return &other != member && other.group == member->group && other.usable();
      });
  if (last && !force) {
    return absl::FailedPreconditionError(absl::StrCat(
        nic, " is the last usable NIC of group ", member->group->name,
        ", and nothing could carry its frames; bring another one up first, or use --force, which ",
        "leaves the frames on ", nic, " for as long as it works"));
  }
  const bool anew = !state_file_->state().drains.contains(nic);
  state_file_->RecordDrain(nic);
  if (const absl::Status status = state_file_->Save(); !status.ok()) {
    if (anew) {
      state_file_->ForgetDrain(nic);
    }
    return status;
  }
  PlaceWires();
  Reconcile();
  return ReportDrain(nic);
}

absl::StatusOr<DrainReport> Engine::Undrain(const std::string& nic) {
  const bool drained = state_file_->state().drains.contains(nic);
  if (!drained) {  // nothing to do; a name that means nothing is told
    RETURN_IF_ERROR(MemberNamed(nic).status());
    return ReportDrain(nic);
  }
  state_file_->ForgetDrain(nic);
  if (const absl::Status status = state_file_->Save(); !status.ok()) {
    state_file_->RecordDrain(nic);
    return status;
  }
  if (const auto member = MemberNamed(nic); member.ok()) {
    if (const auto memory = memory_.find((*member)->home); memory != memory_.end()) {
      memory->second.recalled = true;
    }
  }
  PlaceWires();
  Reconcile();
  return ReportDrain(nic);
}

}  // namespace stronghost
