#include "agent/datapath/loaded_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "agent/datapath/carrier_read.h"
#include "agent/datapath/home_slots.h"
#include "agent/datapath/libbpf_log.h"
#include "agent/datapath/netns_cookie.h"
#include "agent/datapath/program_info.h"
#include "agent/datapath/skeleton.h"

namespace stronghost {
namespace {

// Maps that are pinned; the rest (.rodata) belongs to one load.
bool IsPinned(const bpf_map* map) {
  return absl::StartsWith(bpf_map__name(map), "sh_");
}

// What differs between the pinned map and this build's; "": nothing.
absl::StatusOr<std::string> LayoutDifference(const PinFolder& folder, const bpf_map* map,
                                             int pinned_fd) {
  const char* name = bpf_map__name(map);
  bpf_map_info pinned{};
  uint32_t length = sizeof(pinned);
  if (bpf_obj_get_info_by_fd(pinned_fd, &pinned, &length) != 0) {
    return ErrnoError(errno, absl::StrCat("describe pinned map ", folder.name(), "/", name));
  }
  std::string difference;
  const auto compare = [&](const char* what, uint32_t found, uint32_t expected) {
    if (found != expected && difference.empty()) {
      difference = absl::StrFormat("%s has %s %u, this build has %u", name, what, found, expected);
    }
  };
  compare("type", pinned.type, bpf_map__type(map));
  compare("key size", pinned.key_size, bpf_map__key_size(map));
  compare("value size", pinned.value_size, bpf_map__value_size(map));
  compare("max_entries", pinned.max_entries, bpf_map__max_entries(map));
  compare("flags", pinned.map_flags, bpf_map__map_flags(map));
  if (difference.empty() && std::string(name) == "sh_homes") {
    const uint32_t zero = 0;
    sh_home slot{};
    if (bpf_map_lookup_elem(pinned_fd, &zero, &slot) != 0) {
      return ErrnoError(errno, absl::StrCat("read ", folder.name(), "/sh_homes"));
    }
    compare("layout version", slot.ifindex, SH_LAYOUT_VERSION);
  }
  return difference;
}

}  // namespace

void LoadedObject::Destroy::operator()(stronghost_bpf* skeleton) const {
  stronghost_bpf__destroy(skeleton);
}

absl::StatusOr<LoadedObject> LoadedObject::Load(const PinFolder& folder) {
  LoadedObject object;
  RETURN_IF_ERROR(object.Open());
  RETURN_IF_ERROR(object.Adopt(folder));
  RETURN_IF_ERROR(object.LoadIntoKernel(folder));
  RETURN_IF_ERROR(object.PinNew(folder));
  return object;
}

absl::Status LoadedObject::Open() {
  const CarrierRead carrier_read = KernelCarrierRead();
  const LibbpfLog log;
  skeleton_.reset(stronghost_bpf__open());
  if (skeleton_ == nullptr) {
    return log.Error(errno, "open the BPF object");
  }
  can_read_carrier_ = carrier_read != CarrierRead::kNone;
  skeleton_->rodata->sh_can_read_carrier = can_read_carrier_;
  skeleton_->rodata->sh_has_kernel_cast = carrier_read == CarrierRead::kKernelContext;
  const std::optional<uint64_t> cookie = NetnsCookie();
  knows_namespace_ = cookie.has_value();
  skeleton_->rodata->sh_netns_cookie = cookie.value_or(0);
  return absl::OkStatus();
}

// All of them or none: maps of two layouts do not go together.
absl::Status LoadedObject::Adopt(const PinFolder& folder) {
  std::vector<std::pair<bpf_map*, UniqueFd>> found;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const char* name = bpf_map__name(map);
    // Not by the error of opening it: without the right to, the kernel does not even look.
    if (!IsPinned(map) || access(folder.MapPath(name).c_str(), F_OK) != 0) {
      continue;
    }
    UniqueFd pinned(bpf_obj_get(folder.MapPath(name).c_str()));
    if (!pinned.valid()) {
      return ErrnoError(errno, absl::StrCat("open pinned map ", folder.name(), "/", name,
                                            "; run as root or give CAP_BPF"));
    }
    ASSIGN_OR_RETURN(const std::string difference, LayoutDifference(folder, map, pinned.get()));
    if (replaced_.empty()) {
      replaced_ = difference;
    }
    found.emplace_back(map, std::move(pinned));
  }
  if (!replaced_.empty()) {
    return absl::OkStatus();
  }
  for (const auto& [adopted, pinned] : found) {
    const LibbpfLog log;
    if (const int failed = bpf_map__reuse_fd(adopted, pinned.get()); failed != 0) {
      return log.Error(
          failed, absl::StrCat("adopt pinned map ", folder.name(), "/", bpf_map__name(adopted)));
    }
    adopted_ = true;
  }
  return absl::OkStatus();
}

absl::Status LoadedObject::LoadIntoKernel(const PinFolder& folder) {
  const LibbpfLog log;
  // For kernels before 5.11 libbpf raises RLIMIT_MEMLOCK itself.
  if (const int failed = stronghost_bpf__load(skeleton_.get()); failed != 0) {
    return log.Error(failed, absl::StrCat("load the BPF programs (pin folder ", folder.name(),
                                          "); run as root or give CAP_BPF and CAP_NET_ADMIN, on ",
                                          "a kernel with BTF (CONFIG_DEBUG_INFO_BTF)"));
  }
  return absl::OkStatus();
}

// Each pin is made whole or not at all, and maps that a death in between left without a pin are
// made anew by the next start.
absl::Status LoadedObject::PinNew(const PinFolder& folder) const {
  if (!replaced_.empty()) {
    const UniqueFd homes(bpf_obj_get(folder.MapPath("sh_homes").c_str()));
    RETURN_IF_ERROR(folder.SetMapsAside(MapId(homes.get()).value_or(0)));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    const std::string path = folder.MapPath(bpf_map__name(map));
    if (!IsPinned(map) || access(path.c_str(), F_OK) == 0) {
      continue;
    }
    if (map == skeleton_->maps.sh_homes) {
      ASSIGN_OR_RETURN(HomeSlots slots, HomeSlots::Map(bpf_map__fd(map)));
      slots.StampLayoutVersion();
    }
    if (bpf_obj_pin(bpf_map__fd(map), path.c_str()) != 0) {
      return ErrnoError(errno, absl::StrCat("pin map ", folder.name(), "/", bpf_map__name(map)));
    }
  }
  return absl::OkStatus();
}

MapFds LoadedObject::maps() const {
  return {.addresses = bpf_map__fd(skeleton_->maps.sh_addresses),
          .prefixes = bpf_map__fd(skeleton_->maps.sh_prefixes),
          .homes = bpf_map__fd(skeleton_->maps.sh_homes),
          .gateways = bpf_map__fd(skeleton_->maps.sh_gateways),
          .nics = bpf_map__fd(skeleton_->maps.sh_nics),
          .counters = bpf_map__fd(skeleton_->maps.sh_counters),
          .events = bpf_map__fd(skeleton_->maps.sh_events),
          .reply_except = bpf_map__fd(skeleton_->maps.sh_reply_except),
          .reply_marks = bpf_map__fd(skeleton_->maps.sh_reply_marks),
          .source_routes = bpf_map__fd(skeleton_->maps.sh_source_routes),
          .source_tables = bpf_map__fd(skeleton_->maps.sh_source_tables)};
}

ReplyPrograms LoadedObject::reply_programs() const {
  return {.note_asked_fd = bpf_program__fd(skeleton_->progs.sh_note_asked),
          .reply_from4_fd = bpf_program__fd(skeleton_->progs.sh_reply_from4),
          .reply_from6_fd = bpf_program__fd(skeleton_->progs.sh_reply_from6),
          .connect_from4_fd = bpf_program__fd(skeleton_->progs.sh_connect_from4),
          .connect_from6_fd = bpf_program__fd(skeleton_->progs.sh_connect_from6)};
}

TcPrograms LoadedObject::tc_programs() const {
  return {.steer_fd = bpf_program__fd(skeleton_->progs.sh_steer),
          .deliver_fd = bpf_program__fd(skeleton_->progs.sh_deliver)};
}

int LoadedObject::guard_fd() const {
  return bpf_program__fd(skeleton_->progs.sh_guard);
}

// Programs run meanwhile: what they record in between, the reader sorts out.
void LoadedObject::SetTrace(const std::optional<TraceFilter>& filter) {
  sh_trace& trace = skeleton_->bss->sh_trace;
  std::atomic_ref<uint32_t> verdicts(trace.verdicts);
  verdicts.store(0);
  if (filter.has_value()) {
    std::copy_n(filter->address.mapped().begin(), sizeof(trace.ip), trace.ip.bytes);
    trace.home = ToInt(filter->home);
    verdicts.store(filter->verdicts);
  }
}

uint32_t LoadedObject::trace_missed() const {
  return std::atomic_ref<uint32_t>(skeleton_->bss->sh_trace.missed).load();
}

}  // namespace stronghost
