// sh_events: what the BPF programs report.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "maps/events.h"

struct ring_buffer;

namespace stronghost {

using OnEvent = std::function<void(const sh_event&)>;

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

  // Hands over what is there, oldest first. `on_event` must not call back into the ring.
  absl::Status Consume(const OnEvent& on_event);

 private:
  EventRing() = default;
  static int OnSample(void* context, void* data, size_t size);

  ring_buffer* ring_ = nullptr;
  const OnEvent* on_event_ = nullptr;
};

}  // namespace stronghost
