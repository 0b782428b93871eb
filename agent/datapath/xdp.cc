#include "agent/datapath/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/libbpf_log.h"
#include "agent/datapath/pinned_link.h"
#include "agent/datapath/program_info.h"

namespace stronghost {
namespace {

XdpKind Wanted(const NicRequest& nic) {
  switch (nic.xdp) {
    case XdpMode::kNative:
      return XdpKind::kNative;
    case XdpMode::kGeneric:
      return XdpKind::kGeneric;
    // Native XDP can take a link down for a moment, and turns off the large receive offload of
    // virtio_net and veth; no driver is proven to be free of both.
    case XdpMode::kAuto:
    case XdpMode::kOff:
      return XdpKind::kOff;
  }
  return XdpKind::kOff;
}

// XDP programs on a NIC, by the place where they run; 0 is none.
struct XdpPrograms {
  uint32_t native = 0;
  uint32_t generic = 0;
  uint32_t offloaded = 0;

  [[nodiscard]] std::vector<uint32_t> All() const { return {native, generic, offloaded}; }
};

absl::StatusOr<XdpPrograms> ProgramsOn(const NicRequest& nic) {
  bpf_xdp_query_opts options{};
  options.sz = sizeof(options);
  const LibbpfLog log;
  const int failed = bpf_xdp_query(static_cast<int>(ToInt(nic.link)), 0, &options);
  if (failed != 0) {
    return log.Error(failed, absl::StrCat("ask for the XDP programs of ", nic.name));
  }
  return XdpPrograms{options.drv_prog_id, options.skb_prog_id, options.hw_prog_id};
}

// Where the pinned guard runs now; kOff also for a pin that leads elsewhere.
XdpKind RunsAs(const std::optional<PinnedLink>& link, IfIndex nic, const XdpPrograms& there) {
  if (!link.has_value() || link->link != nic || link->program_id == 0) {
    return XdpKind::kOff;
  }
  if (link->program_id == there.native) {
    return XdpKind::kNative;
  }
  return link->program_id == there.generic ? XdpKind::kGeneric : XdpKind::kOff;
}

// Notes every program that is not ours. Whether there was one.
bool NoteStrangers(const XdpPrograms& there, uint32_t own_id, std::vector<std::string>* notes) {
  bool any = false;
  for (const uint32_t id : there.All()) {
    if (id != 0 && id != own_id) {
      notes->push_back(absl::StrCat("XDP: program ", ShowProgram(id), " left in place"));
      any = true;
    }
  }
  return any;
}

}  // namespace

absl::StatusOr<XdpKind> AttachGuard(const PinFolder& folder, const NicRequest& nic, int guard_fd,
                                    NicMap* nics, std::vector<std::string>* notes) {
  const XdpKind wanted = Wanted(nic);
  ASSIGN_OR_RETURN(const XdpPrograms there, ProgramsOn(nic));
  ASSIGN_OR_RETURN(const auto old, FindPinnedLink(folder, nic.link, NicPin::kGuard));
  const XdpKind before = RunsAs(old, nic.link, there);
  const uint32_t own_id = before == XdpKind::kOff ? 0 : old->program_id;
  const bool strangers = NoteStrangers(there, own_id, notes);
  if (before != wanted || before == XdpKind::kOff) {
    RETURN_IF_ERROR(DetachGuard(folder, nic.link, nics));
    if (wanted == XdpKind::kOff) {
      return XdpKind::kOff;
    }
    if (strangers) {
      notes->push_back("XDP: taken by another program, so the guard runs at tc ingress");
      return XdpKind::kOff;
    }
  }
  if (wanted == XdpKind::kGeneric) {
    RETURN_IF_ERROR(nics->SetGuard(nic.link, XdpKind::kGeneric));
  }
  const Hook hook{.link = nic.link,
                  .pin = NicPin::kGuard,
                  .attach_type = BPF_XDP,
                  .flags = wanted == XdpKind::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE,
                  .shown = absl::StrCat(ToString(wanted), " XDP of ", nic.name)};
  const absl::Status placed = PlaceOnHook(folder, hook, guard_fd, there.All());
  if (!placed.ok() && before == wanted) {
    return placed;  // the old program stays in force
  }
  if (!placed.ok()) {
    RETURN_IF_ERROR(nics->SetGuard(nic.link, XdpKind::kOff));
    notes->push_back(absl::StrCat("XDP: ", placed.message(), "; the guard runs at tc ingress"));
    return XdpKind::kOff;
  }
  RETURN_IF_ERROR(nics->SetGuard(nic.link, wanted));
  return wanted;
}

absl::Status DetachGuard(const PinFolder& folder, IfIndex link, NicMap* nics) {
  ASSIGN_OR_RETURN(const auto old, FindPinnedLink(folder, link, NicPin::kGuard));
  if (!old.has_value()) {
    return nics->SetGuard(link, XdpKind::kOff);
  }
  if (nics->Guard(link) == XdpKind::kNative) {
    RETURN_IF_ERROR(nics->SetGuard(link, XdpKind::kOff));
  }
  RETURN_IF_ERROR(RemoveFromHook(folder, link, NicPin::kGuard));
  return nics->SetGuard(link, XdpKind::kOff);
}

}  // namespace stronghost
