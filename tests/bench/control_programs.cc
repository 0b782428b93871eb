#include "tests/bench/control_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/bench/shim.h"  // the skeleton below needs it
// clang-format off
#include "bench.skel.h"
// clang-format on

namespace stronghost::bench {
namespace {

// bpf_attach_type of the tcx hooks, which the headers of Debian 12 do not have.
constexpr int kTcxIngress = 46;
constexpr int kTcxEgress = 47;

absl::Status AttachXdp(const lab::NetNs& netns, const std::string& interface,
                       const bpf_program* program) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(interface));
  return netns.Run([&] {
    const int error = bpf_xdp_attach(index, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr);
    return error == 0 ? absl::OkStatus()
                      : ErrnoError(error, absl::StrCat("attach XDP to ", interface));
  });
}

}  // namespace

absl::StatusOr<ControlPrograms> ControlPrograms::Load() {
  bench_bpf* object = bench_bpf__open_and_load();
  if (object == nullptr) {
    return ErrnoError(errno, "load the control programs; run as root");
  }
  return ControlPrograms(object);
}

ControlPrograms::~ControlPrograms() {
  bench_bpf__destroy(object_);
}

absl::Status ControlPrograms::AttachEmptyTc(const lab::NetNs& netns, const std::string& interface) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(interface));
  return netns.Run([&]() -> absl::Status {
    for (const int hook : {kTcxIngress, kTcxEgress}) {
      UniqueFd link(bpf_link_create(bpf_program__fd(object_->progs.bench_empty_tc), index,
                                    static_cast<bpf_attach_type>(hook), nullptr));
      if (!link.valid()) {
        return ErrnoError(errno, absl::StrCat("attach tcx to ", interface));
      }
      links_.push_back(std::move(link));
    }
    return absl::OkStatus();
  });
}

absl::Status ControlPrograms::AttachEmptyXdp(const lab::NetNs& netns,
                                             const std::string& interface) {
  return AttachXdp(netns, interface, object_->progs.bench_empty_xdp);
}

absl::Status ControlPrograms::AttachDropXdp(const lab::NetNs& netns, const std::string& interface) {
  return AttachXdp(netns, interface, object_->progs.bench_drop_xdp);
}

}  // namespace stronghost::bench
