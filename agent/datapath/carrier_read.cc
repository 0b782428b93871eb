#include "agent/datapath/carrier_read.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "agent/datapath/libbpf_log.h"

namespace stronghost {
namespace {

// A weak symbol of the object.
constexpr char kCastFunction[] = "bpf_cast_to_kern_ctx";

bool KernelHasFunction(const char* name) {
  btf* kernel = btf__load_vmlinux_btf();
  const bool has = kernel != nullptr && btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
  btf__free(kernel);
  return has;
}

}  // namespace

CarrierRead KernelCarrierRead() {
  const LibbpfLog log;
  if (KernelHasFunction(kCastFunction)) {
    return CarrierRead::kKernelContext;
  }
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_probe_read_kernel, nullptr) == 1
             ? CarrierRead::kProbe
             : CarrierRead::kNone;
}

}  // namespace stronghost
