#include "tests/bench/flip_watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "carrier_stamp.skel.h"
#include "tests/lib/await.h"

namespace stronghost::bench {
namespace {

constexpr int64_t kLookNs = 20'000;
constexpr int64_t kPatienceNs = 5'000'000'000;

}  // namespace

absl::StatusOr<std::unique_ptr<FlipWatch>> FlipWatch::Open(const std::string& pin_dir) {
  const UniqueFd map(bpf_obj_get(absl::StrCat(pin_dir, "/sh_homes").c_str()));
  if (!map.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", pin_dir, "/sh_homes"));
  }
  ASSIGN_OR_RETURN(HomeSlots homes, HomeSlots::Map(map.get()));
  std::unique_ptr<FlipWatch> watch(new FlipWatch(std::move(homes)));
  watch->stamp_ = carrier_stamp_bpf__open();
  if (watch->stamp_ == nullptr || bpf_map__reuse_fd(watch->stamp_->maps.sh_homes, map.get()) != 0 ||
      carrier_stamp_bpf__load(watch->stamp_) != 0) {
    return ErrnoError(errno, "load the stamp of lost carriers; a kernel without lockdown takes it");
  }
  if (const int error = carrier_stamp_bpf__attach(watch->stamp_); error != 0) {
    return ErrnoError(error, "attach the stamp of lost carriers");
  }
  return watch;
}

FlipWatch::~FlipWatch() {
  if (looker_.joinable()) {
    looker_.join();
  }
  carrier_stamp_bpf__destroy(stamp_);
}

uint32_t FlipWatch::SlotOf(IfIndex nic) const {
  for (uint32_t slot = 1; slot < SH_HOMES_MAX; ++slot) {
    const auto home = homes_.Read(HomeIndex{slot});
    if (home.has_value() && home->link == nic) {
      return slot;
    }
  }
  return 0;
}

Path FlipWatch::PathOf(IfIndex nic) const {
  const auto home = homes_.Read(HomeIndex{SlotOf(nic)});
  return home.has_value() ? home->path : Path{};
}

void FlipWatch::Look(IfIndex nic) {
  const sched_param first{.sched_priority = 50};
  static_cast<void>(sched_setscheduler(0, SCHED_FIFO, &first));
  const int64_t begin = lab::MonotonicNow();
  for (int64_t now = begin; now - begin < kPatienceNs;) {
    const bool flipped = PathOf(nic).wire != nic;
    now = lab::MonotonicNow();
    if (flipped) {
      flipped_ns_ = now;
      return;
    }
    const auto lost =
        static_cast<int64_t>(__atomic_load_n(&stamp_->bss->lost_ns, __ATOMIC_RELAXED));
    absl::SleepFor(
        absl::Nanoseconds(std::max(kLookNs, lost == 0 ? int64_t{0} : (now - lost) / 100)));
  }
}

void FlipWatch::Arm(IfIndex nic) {
  stamp_->bss->lost_ns = 0;
  stamp_->bss->flipped_ns = 0;
  stamp_->bss->slot = SlotOf(nic);
  stamp_->bss->watched = ToInt(nic);
  flipped_ns_.reset();
  looker_ = std::thread([this, nic] { Look(nic); });
}

absl::StatusOr<absl::Duration> FlipWatch::Await() {
  looker_.join();
  const auto lost = static_cast<int64_t>(stamp_->bss->lost_ns);
  if (lost == 0) {
    return absl::DeadlineExceededError("the kernel did not lose the carrier within 5 s");
  }
  if (!flipped_ns_.has_value()) {
    return absl::DeadlineExceededError("the wire did not flip within 5 s");
  }
  const auto at_exit = static_cast<int64_t>(stamp_->bss->flipped_ns);
  return absl::Nanoseconds((at_exit != 0 ? std::min(at_exit, *flipped_ns_) : *flipped_ns_) - lost);
}

}  // namespace stronghost::bench
