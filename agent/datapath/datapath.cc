#include "agent/datapath/datapath.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/address_keys.h"
#include "agent/datapath/bpffs.h"
#include "agent/datapath/carrier_watch.h"
#include "agent/datapath/clsact.h"
#include "agent/datapath/map_io.h"
#include "agent/datapath/pinned_link.h"
#include "agent/datapath/program_info.h"
#include "agent/datapath/reply_hooks.h"
#include "agent/datapath/tcx.h"
#include "agent/datapath/xdp.h"

namespace stronghost {
namespace {

absl::StatusOr<TcKind> Choose(TcMode mode) {
  switch (mode) {
    case TcMode::kAuto:
      return TcxSupported() ? TcKind::kTcx : TcKind::kClsact;
    case TcMode::kTcx:
      if (!TcxSupported()) {
        return absl::FailedPreconditionError(
            "this kernel has no tcx (Linux 6.6), or it may not be asked for; set tc = \"auto\" or "
            "\"clsact\", or run as root");
      }
      return TcKind::kTcx;
    case TcMode::kClsact:
      return TcKind::kClsact;
  }
  return TcKind::kClsact;
}

// By these filters of ours are known.
std::vector<uint32_t> HomesMapIds(const PinFolder& folder) {
  std::vector<uint32_t> ids;
  for (const std::string& name : folder.Maps()) {
    if (!absl::StartsWith(name, "sh_homes")) {
      continue;
    }
    const UniqueFd map(bpf_obj_get(folder.MapPath(name).c_str()));
    if (const absl::StatusOr<uint32_t> id = MapId(map.get()); map.valid() && id.ok()) {
      ids.push_back(*id);
    }
  }
  return ids;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Datapath>> Datapath::Open(const DatapathOptions& options) {
  ASSIGN_OR_RETURN(const TcKind tc_kind, Choose(options.tc));
  ASSIGN_OR_RETURN(PinFolder folder, PinFolder::OpenOrCreate(options.pin_dir));
  ASSIGN_OR_RETURN(LoadedObject object, LoadedObject::Load(folder));
  ASSIGN_OR_RETURN(StateMaps maps, StateMaps::Open(object.maps()));
  ASSIGN_OR_RETURN(std::unique_ptr<EventRing> events, EventRing::Open(object.maps().events));
  return std::unique_ptr<Datapath>(new Datapath(std::move(folder), std::move(object),
                                                std::move(maps), std::move(events), tc_kind));
}

Datapath::Datapath(PinFolder folder, LoadedObject object, StateMaps maps,
                   std::unique_ptr<EventRing> events, TcKind tc_kind)
    : folder_(std::move(folder)),
      object_(std::move(object)),
      maps_(std::move(maps)),
      sources_(object_.maps()),
      events_(std::move(events)),
      tc_kind_(tc_kind),
      homes_map_ids_(HomesMapIds(folder_)) {
  if (folder_.HasMapsBefore()) {
    const std::vector<IfIndex> attached = folder_.Nics();
    outdated_.insert(attached.begin(), attached.end());
  }
}

absl::Status Datapath::AttachTc(const NicRequest& nic) {
  const TcPrograms programs = object_.tc_programs();
  // The other kind, from a run with another setting, goes when the new one is in force.
  if (tc_kind_ == TcKind::kTcx) {
    RETURN_IF_ERROR(AttachTcx(folder_, nic.link, nic.name, programs));
    return DetachClsact(folder_, nic.link, homes_map_ids_);
  }
  RETURN_IF_ERROR(AttachClsact(folder_, nic.link, nic.name, programs, homes_map_ids_));
  return DetachTcx(folder_, nic.link);
}

absl::StatusOr<std::vector<std::string>> Datapath::TcStrangers(IfIndex link) const {
  ASSIGN_OR_RETURN(std::vector<std::string> notes, ClsactStrangers(link, homes_map_ids_));
  if (TcxSupported()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> more, TcxStrangers(folder_, link));
    notes.insert(notes.end(), more.begin(), more.end());
  }
  return notes;
}

absl::StatusOr<AttachReport> Datapath::AttachNic(const NicRequest& nic) {
  const std::vector<IfIndex> before = AttachedNics();
  const bool fresh = std::find(before.begin(), before.end(), nic.link) == before.end();
  AttachReport report{.tc = tc_kind_};
  absl::Status status = AttachTc(nic);
  if (status.ok()) {
    const absl::StatusOr<XdpKind> xdp =
        AttachGuard(folder_, nic, object_.guard_fd(), &maps_.nics, &report.notes);
    status = xdp.status();
    report.xdp = xdp.value_or(XdpKind::kOff);
  }
  if (status.ok()) {
    const absl::StatusOr<std::vector<std::string>> strangers = TcStrangers(nic.link);
    status = strangers.status();
    if (status.ok()) {
      report.notes.insert(report.notes.end(), strangers->begin(), strangers->end());
      RETURN_IF_ERROR(Updated(nic.link));
      return report;
    }
  }
  if (fresh) {
    static_cast<void>(DetachNic(nic.link));  // ignoring: the first error is the one to tell
  }
  return status;
}

absl::Status Datapath::DetachNic(IfIndex link) {
  absl::Status status = DetachGuard(folder_, link, &maps_.nics);
  status.Update(DetachTcx(folder_, link));
  status.Update(DetachClsact(folder_, link, homes_map_ids_));
  if (status.ok()) {
    status = Updated(link);
  }
  return status;
}

// With the last NIC nothing of the layout before is in force any more.
absl::Status Datapath::Updated(IfIndex link) {
  return outdated_.erase(link) != 0 && outdated_.empty() ? folder_.ForgetMapsBefore()
                                                         : absl::OkStatus();
}

absl::Status Datapath::WatchCarrier() {
  return AttachCarrierWatch(folder_);
}

absl::Status Datapath::SetReplySource(const std::string& cgroup,
                                      absl::Span<const uint16_t> except) {
  if (cgroup.empty()) {
    return DetachReplySource(folder_);
  }
  if (!object_.knows_namespace()) {
    return absl::UnimplementedError(
        "this kernel does not tell network namespaces apart; use Linux 5.14 or later, or set "
        "cgroup = \"\"");
  }
  const TypedMap<uint16_t, uint8_t> ports(object_.maps().reply_except, "sh_reply_except");
  ASSIGN_OR_RETURN(const auto known, ports.ReadAll());
  std::vector<uint16_t> old;
  for (const auto& [port, one] : known) {
    if (std::find(except.begin(), except.end(), port) == except.end()) {
      old.push_back(port);
    }
  }
  RETURN_IF_ERROR(ports.Delete(old));
  RETURN_IF_ERROR(ports.Put(except, std::vector<uint8_t>(except.size(), 1)));
  std::string group = cgroup;
  if (cgroup == "auto") {
    ASSIGN_OR_RETURN(group, CgroupRoot());
  }
  return AttachReplySource(folder_, group, object_.reply_programs());
}

absl::Status Datapath::SetSources(const SourceState& sources, const ReplyMarks& marks,
                                  uint32_t mark_base) {
  if (sources.routes.empty()) {
    maps_.homes.SetSourcesInUse(false);
  }
  absl::Status status = sources_.SetMarks(marks, mark_base);
  status.Update(sources_.SetSources(sources));
  if (status.ok()) {
    maps_.homes.SetSourcesInUse(!sources.routes.empty());
  }
  return status;
}

absl::Status Datapath::DetachAll() {
  absl::Status status = DetachCarrierWatch(folder_);
  status.Update(DetachReplySource(folder_));
  for (const IfIndex link : AttachedNics()) {
    status.Update(DetachNic(link));
  }
  RETURN_IF_ERROR(status);
  return folder_.Destroy();
}

absl::StatusOr<DatapathState> Datapath::ReadState() const {
  return stronghost::ReadState(maps_);
}

absl::StatusOr<std::vector<HomeIndex>> Datapath::ApplyState(const DatapathState& desired,
                                                            const DatapathState& previous) {
  return stronghost::ApplyState(&maps_, desired, previous);
}

absl::Status Datapath::WriteHome(const HomeState& home, WritePath path) {
  RETURN_IF_ERROR(maps_.homes.Write(home, path));
  return maps_.nics.Put(home);
}

absl::StatusOr<HomeCounters> Datapath::ReadCounters() const {
  std::vector<HomeIndex> homes = {HomeIndex::kNone};
  for (uint32_t slot = 1; slot < SH_HOMES_MAX; ++slot) {
    if (ReadPath(HomeIndex{slot}).wire != IfIndex::kNone) {
      homes.push_back(HomeIndex{slot});
    }
  }
  return stronghost::ReadCounters(object_.maps().counters, homes);
}

bool IsPinned(const std::string& pin_dir) {
  const absl::StatusOr<std::string> path = FindOnBpffs(pin_dir, BpffsMount::kNever);
  std::error_code error;
  return path.ok() && std::filesystem::exists(*path, error);
}

absl::Status DetachPinned(const std::string& pin_dir) {
  absl::StatusOr<PinFolder> folder = PinFolder::OpenExisting(pin_dir);
  if (absl::IsNotFound(folder.status())) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(folder.status());
  absl::Status status = DetachCarrierWatch(*folder);
  status.Update(DetachReplySource(*folder));
  const std::vector<uint32_t> homes_map_ids = HomesMapIds(*folder);
  for (const IfIndex link : folder->Nics()) {
    status.Update(RemoveFromHook(*folder, link, NicPin::kGuard));
    status.Update(DetachTcx(*folder, link));
    status.Update(DetachClsact(*folder, link, homes_map_ids));
  }
  RETURN_IF_ERROR(status);
  return folder->Destroy();
}

}  // namespace stronghost
