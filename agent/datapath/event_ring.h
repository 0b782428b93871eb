// sh_events: what the BPF programs report.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "maps/events.h"
#include "maps/trace.h"

struct ring_buffer;

namespace stronghost {

using OnEvent = std::function<void(const sh_event&)>;
using OnPacket = std::function<void(const sh_trace_record&)>;

// Consumer of the ring. Not movable: libbpf holds its address.
class EventRing {
 public:
  // `map_fd` must stay open. Events that nobody consumed before a restart are still there.
  static absl::StatusOr<std::unique_ptr<EventRing>> Open(int map_fd);
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;
  ~EventRing();

  // Readable (epoll) when there are events. Owned by the ring.
  [[nodiscard]] int fd() const;

  // Hands over what is there, oldest first: records of packets to `on_packet`, all else to
  // `on_event`. Neither may call back into the ring.
  absl::Status Consume(const OnEvent& on_event, const OnPacket& on_packet);

 private:
  EventRing() = default;
  static int OnSample(void* context, void* data, size_t size);

  ring_buffer* ring_ = nullptr;
  const OnEvent* on_event_ = nullptr;
  const OnPacket* on_packet_ = nullptr;
};

}  // namespace stronghost
