#include "tests/packet/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/carrier_read.h"
#include "agent/datapath/skeleton.h"

namespace stronghost::packet {
namespace {

sh_ip ToMapForm(const IpAddress& address) {
  sh_ip ip{};
  std::copy(address.mapped().begin(), address.mapped().end(), ip.bytes);
  return ip;
}

absl::Status Update(const bpf_map* map, const void* key, const void* value) {
  const int error = bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY);
  return error == 0 ? absl::OkStatus()
                    : ErrnoError(error, absl::StrCat("write ", bpf_map__name(map)));
}

std::optional<Mark> MarkIn(const __sk_buff& skb) {
  if (skb.cb[0] == 0 && skb.cb[1] == 0) {
    return std::nullopt;
  }
  // A magic without its complement is no mark that a program would set: shown as it is.
  return Mark{
      .magic = skb.cb[1] == ~skb.cb[0] ? skb.cb[0] : 0, .home = skb.cb[2], .hops = skb.cb[3]};
}

}  // namespace

absl::StatusOr<Programs> Programs::Load(bool can_read_carrier) {
  stronghost_bpf* object = stronghost_bpf__open();
  if (object == nullptr) {
    return ErrnoError(errno, "open the BPF object");
  }
  Programs programs(object);
  const CarrierRead carrier_read = KernelCarrierRead();
  object->rodata->sh_can_read_carrier = can_read_carrier && carrier_read != CarrierRead::kNone;
  object->rodata->sh_has_kernel_cast = carrier_read == CarrierRead::kKernelContext;
  for (bpf_map* map :
       {object->maps.sh_homes, object->maps.sh_nics, object->maps.sh_addresses,
        object->maps.sh_prefixes, object->maps.sh_counters, object->maps.sh_events}) {
    bpf_map__set_pin_path(map, nullptr);
  }
  if (const int error = stronghost_bpf__load(object); error != 0) {
    return ErrnoError(error, "load the BPF object; run as root");
  }
  return programs;
}

Programs::Programs(Programs&& other) noexcept
    : object_(std::exchange(other.object_, nullptr)),
      ring_(std::exchange(other.ring_, nullptr)),
      collected_(std::move(other.collected_)),
      homes_in_use_(other.homes_in_use_) {}

Programs::~Programs() {
  ring_buffer__free(ring_);
  stronghost_bpf__destroy(object_);
}

int Programs::ProgramFd(Program program) const {
  switch (program) {
    case Program::kSteer:
      return bpf_program__fd(object_->progs.sh_steer);
    case Program::kDeliver:
      return bpf_program__fd(object_->progs.sh_deliver);
    case Program::kGuard:
      return bpf_program__fd(object_->progs.sh_guard);
  }
  return -1;
}

int Programs::SocketProgramFd(const char* name) const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_->obj, name));
}

absl::StatusOr<Outcome> Programs::Run(Program program, uint32_t ifindex, const Bytes& frame,
                                      const std::optional<Mark>& mark) {
  Outcome outcome;
  outcome.frame.resize(frame.size() + 64);  // room to see it if it grew
  __sk_buff skb{};
  xdp_md xdp{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.data_out = outcome.frame.data();
  options.data_size_out = static_cast<uint32_t>(outcome.frame.size());
  if (program == Program::kGuard) {
    xdp.ingress_ifindex = ifindex;
    xdp.data_end = options.data_size_in;
    options.ctx_in = &xdp;
    options.ctx_size_in = sizeof(xdp);
  } else {
    skb.ifindex = ifindex;
    if (mark.has_value()) {
      skb.cb[0] = mark->magic;
      skb.cb[1] = ~mark->magic;
      skb.cb[2] = mark->home;
      skb.cb[3] = mark->hops;
    }
    options.ctx_in = options.ctx_out = &skb;
    options.ctx_size_in = options.ctx_size_out = sizeof(skb);
  }
  ASSIGN_OR_RETURN(const std::vector<Counter> before, ReadCounters());
  if (const int error = bpf_prog_test_run_opts(ProgramFd(program), &options); error != 0) {
    return ErrnoError(error, absl::StrCat("run a frame of ", frame.size(), " bytes"));
  }
  ASSIGN_OR_RETURN(const std::vector<Counter> after, ReadCounters());
  outcome.action = static_cast<int>(options.retval);
  outcome.frame.resize(options.data_size_out);
  if (program != Program::kGuard) {
    outcome.mark = MarkIn(skb);
  }
  ASSIGN_OR_RETURN(outcome.count, FindChange(before, after, frame.size()));
  const bool may_be_silent = program == Program::kGuard && outcome.action == XDP_PASS;
  if (outcome.count.has_value() == may_be_silent) {
    return absl::InternalError(may_be_silent ? "guard counted a frame that it passed"
                                             : "the frame was not counted");
  }
  return outcome;
}

absl::Status Programs::SetHome(uint32_t index, const sh_home& home) {
  homes_in_use_ = std::max(homes_in_use_, index + 1);
  return Update(object_->maps.sh_homes, &index, &home);
}

sh_home Programs::Home(uint32_t index) const {
  sh_home home{};
  bpf_map_lookup_elem(bpf_map__fd(object_->maps.sh_homes), &index, &home);
  return home;
}

absl::Status Programs::SetGateways(uint32_t index, const sh_gateways& gateways) {
  return Update(object_->maps.sh_gateways, &index, &gateways);
}

sh_gateways Programs::Gateways(uint32_t index) const {
  sh_gateways gateways{};
  bpf_map_lookup_elem(bpf_map__fd(object_->maps.sh_gateways), &index, &gateways);
  return gateways;
}

absl::Status Programs::SetNic(uint32_t ifindex, const sh_nic& nic) {
  return Update(object_->maps.sh_nics, &ifindex, &nic);
}

absl::Status Programs::RemoveNic(uint32_t ifindex) {
  const int error = bpf_map_delete_elem(bpf_map__fd(object_->maps.sh_nics), &ifindex);
  return error == 0 ? absl::OkStatus() : ErrnoError(error, "delete from sh_nics");
}

absl::Status Programs::SetAddress(const IpAddress& address, uint32_t scope, uint32_t home,
                                  uint8_t network) {
  const sh_address_key key{.ip = ToMapForm(address), .scope = scope};
  const sh_address value{.home = home, .network = network};
  return Update(object_->maps.sh_addresses, &key, &value);
}

absl::Status Programs::SetPrefix(const IpPrefix& prefix, uint32_t home) {
  const int mapped = prefix.address.IsV4() ? 96 : 0;
  const sh_prefix_key key{.length = static_cast<uint32_t>(prefix.length + mapped),
                          .ip = ToMapForm(prefix.address)};
  const sh_address value{.home = home};
  return Update(object_->maps.sh_prefixes, &key, &value);
}

uint64_t Programs::Packets(const Count& count) const {
  const auto counters = ReadCounters();
  const size_t key = SH_COUNTER_KEY(count.home, static_cast<uint32_t>(count.verdict));
  return counters.ok() && key < counters->size() ? (*counters)[key].packets : 0;
}

int Programs::Collect(void* collected, void* data, size_t size) {
  auto* into = static_cast<Collected*>(collected);
  if (size == sizeof(sh_event)) {
    into->events.push_back(*static_cast<const sh_event*>(data));
  } else if (size == sizeof(sh_trace_record)) {
    into->packets.push_back(*static_cast<const sh_trace_record*>(data));
  }
  return 0;
}

absl::StatusOr<std::vector<sh_event>> Programs::TakeEvents() {
  RETURN_IF_ERROR(ReadRing());
  return std::exchange(collected_->events, {});
}

absl::StatusOr<std::vector<sh_trace_record>> Programs::TakePackets() {
  RETURN_IF_ERROR(ReadRing());
  return std::exchange(collected_->packets, {});
}

sh_trace& Programs::Trace() {
  return object_->bss->sh_trace;
}

absl::Status Programs::ReadRing() {
  if (ring_ == nullptr) {
    ring_ =
        ring_buffer__new(bpf_map__fd(object_->maps.sh_events), Collect, collected_.get(), nullptr);
  }
  if (ring_ == nullptr) {
    return ErrnoError(errno, "open sh_events");
  }
  if (const int result = ring_buffer__consume(ring_); result < 0) {
    return ErrnoError(result, "read sh_events");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Programs::Counter>> Programs::ReadCounters() const {
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  std::vector<Counter> sums(homes_in_use_ * SH_VERDICT_SLOTS);
  std::vector<sh_counter> values(sums.size() * cpus);
  std::vector<uint32_t> keys(sums.size());
  auto count = static_cast<uint32_t>(sums.size());
  uint32_t next = 0;
  bpf_map_batch_opts options{};
  options.sz = sizeof(options);
  const int error = bpf_map_lookup_batch(bpf_map__fd(object_->maps.sh_counters), nullptr, &next,
                                         keys.data(), values.data(), &count, &options);
  if (error != 0 || count != sums.size()) {
    return ErrnoError(error != 0 ? error : EIO, "read sh_counters");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Counter& sum = sums[keys[i / cpus]];
    sum.packets += values[i].packets;
    sum.bytes += values[i].bytes;
  }
  return sums;
}

absl::StatusOr<std::optional<Count>> Programs::FindChange(const std::vector<Counter>& before,
                                                          const std::vector<Counter>& after,
                                                          size_t bytes) const {
  std::optional<Count> found;
  for (size_t key = 0; key < after.size(); ++key) {
    if (before[key].packets == after[key].packets && before[key].bytes == after[key].bytes) {
      continue;
    }
    const Count count{.home = static_cast<uint32_t>(key / SH_VERDICT_SLOTS),
                      .verdict = static_cast<sh_verdict>(key % SH_VERDICT_SLOTS)};
    if (found.has_value()) {
      return absl::InternalError("one frame, two verdicts");
    }
    if (after[key].packets != before[key].packets + 1 ||
        after[key].bytes != before[key].bytes + bytes) {
      return absl::InternalError(absl::StrCat(VerdictName(count.verdict), " of home ", count.home,
                                              ": not one packet of ", bytes, " bytes"));
    }
    found = count;
  }
  return found;
}

}  // namespace stronghost::packet
