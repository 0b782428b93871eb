#include "agent/datapath/event_ring.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

#include "agent/base/status.h"
#include "agent/datapath/libbpf_log.h"

namespace stronghost {

absl::StatusOr<std::unique_ptr<EventRing>> EventRing::Open(int map_fd) {
  const LibbpfLog log;
  std::unique_ptr<EventRing> ring(new EventRing);
  ring->ring_ = ring_buffer__new(map_fd, OnSample, ring.get(), nullptr);
  if (ring->ring_ == nullptr) {
    return log.Error(errno, "open the ring sh_events");
  }
  return ring;
}

EventRing::~EventRing() {
  ring_buffer__free(ring_);
}

int EventRing::fd() const {
  return ring_buffer__epoll_fd(ring_);
}

int EventRing::OnSample(void* context, void* data, size_t size) {
  const EventRing* ring = static_cast<EventRing*>(context);
  if (size < sizeof(sh_event)) {
    return 0;
  }
  sh_event event{};
  std::memcpy(&event, data, sizeof(event));
  if (event.type != SH_EVENT_PACKET) {
    (*ring->on_event_)(event);
  } else if (size >= sizeof(sh_trace_record)) {
    sh_trace_record record{};
    std::memcpy(&record, data, sizeof(record));
    (*ring->on_packet_)(record);
  }
  return 0;
}

absl::Status EventRing::Consume(const OnEvent& on_event, const OnPacket& on_packet) {
  on_event_ = &on_event;
  on_packet_ = &on_packet;
  const int count = ring_buffer__consume(ring_);
  on_event_ = nullptr;
  on_packet_ = nullptr;
  return count < 0 ? ErrnoError(count, "consume sh_events") : absl::OkStatus();
}

}  // namespace stronghost
