// By which of the kernel's ways steer reads the carrier bit of the NIC that a packet leaves by.
#pragma once

namespace stronghost {

enum class CarrierRead {
  kNone,           // lockdown=confidentiality: the flip waits for the agent
  kKernelContext,  // bpf_cast_to_kern_ctx(), Linux 6.2
  kProbe,          // bpf_probe_read_kernel(): two more calls a packet
};

// The best way of this kernel, for the caller's rights.
CarrierRead KernelCarrierRead();

}  // namespace stronghost
