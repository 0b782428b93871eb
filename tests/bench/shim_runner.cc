#include "tests/bench/shim_runner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "agent/base/status.h"
#include "bench.skel.h"
#include "tests/bench/bench.h"

namespace stronghost::bench {
namespace {

absl::StatusOr<Batch> TestRun(const bpf_program* program, Hook hook, uint32_t ifindex,
                              const lab::Bytes& frame, uint32_t repeat) {
  __sk_buff skb{};
  xdp_md xdp{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.repeat = static_cast<int>(repeat);
  if (hook == Hook::kXdp) {
    xdp.ingress_ifindex = ifindex;
    xdp.data_end = options.data_size_in;
    options.ctx_in = &xdp;
    options.ctx_size_in = sizeof(xdp);
  } else {
    skb.ifindex = ifindex;
    options.ctx_in = &skb;
    options.ctx_size_in = sizeof(skb);
  }
  // Not options.duration: it is cut to whole nanoseconds. CPU time leaves out, as that does, what
  // other processes took.
  const double begin = ThreadCpuNs();
  if (const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options); error != 0) {
    return ErrnoError(error, "run a program on a frame");
  }
  return Batch{.ns = (ThreadCpuNs() - begin) / repeat, .action = static_cast<int>(options.retval)};
}

}  // namespace

absl::StatusOr<ShimRunner> ShimRunner::Load() {
  bench_bpf* object = bench_bpf__open_and_load();
  if (object == nullptr) {
    return ErrnoError(errno, "load the shim; run as root");
  }
  ShimRunner runner(object);
  RETURN_IF_ERROR(
      runner.SetProgram(Hook::kTc, kEmptySlot, bpf_program__fd(object->progs.bench_empty_tc)));
  RETURN_IF_ERROR(
      runner.SetProgram(Hook::kXdp, kEmptySlot, bpf_program__fd(object->progs.bench_empty_xdp)));
  RETURN_IF_ERROR(
      runner.SetProgram(Hook::kTc, kMemorySlot, bpf_program__fd(object->progs.bench_memory_tc)));
  return runner;
}

ShimRunner::~ShimRunner() {
  bench_bpf__destroy(object_);
}

absl::Status ShimRunner::SetProgram(Hook hook, uint32_t slot, int program_fd) {
  const bpf_map* map = hook == Hook::kTc ? object_->maps.bench_tc : object_->maps.bench_xdp;
  const int error = bpf_map_update_elem(bpf_map__fd(map), &slot, &program_fd, BPF_ANY);
  return error == 0 ? absl::OkStatus() : ErrnoError(error, "put a program into the shim");
}

absl::StatusOr<Batch> ShimRunner::Run(Hook hook, const bench_setting& setting, uint32_t ifindex,
                                      const lab::Bytes& frame, uint32_t repeat) {
  object_->bss->setting = setting;
  return TestRun(hook == Hook::kXdp ? object_->progs.bench_shim_xdp : object_->progs.bench_shim_tc,
                 hook, ifindex, frame, repeat);
}

absl::StatusOr<Batch> ShimRunner::RunEmptyAlone(Hook hook, uint32_t ifindex,
                                                const lab::Bytes& frame, uint32_t repeat) {
  return TestRun(
      hook == Hook::kXdp ? object_->progs.bench_empty_xdp : object_->progs.bench_empty_tc, hook,
      ifindex, frame, repeat);
}

}  // namespace stronghost::bench
