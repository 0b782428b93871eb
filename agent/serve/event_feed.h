// What happened lately, for whoever watches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "agent/serve/json.h"

namespace stronghost {

// One thing that happened.
struct Event {
  absl::Time time;             // wall clock
  std::string event;           // one of a few fixed words: "failover", "failback", "nic" ...
  std::string group;           // "": of no group
  std::string nic;             // "": of no NIC
  std::string detail;          // the same in words, as in the log
  Json more = Json::object();  // what else programs want to know, by event
};

// One object: "time" (RFC 3339, UTC), "event", "group" and "nic" (null where there is none), the
// keys of `more`, "detail".
Json EventToJson(const Event& event);

// The last events. Watchers read at their own pace, each with a number of its own, and cost nothing
// while nothing happens. One thread.
class EventFeed {
 public:
  // `keep`: how many events a watcher may be late by.
  explicit EventFeed(size_t keep = 256) : keep_(keep) {}
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;
  ~EventFeed() = default;

  void Add(Event event);

  // Called after each event; it must not add any.
  void OnAdd(std::function<void()> told) { told_ = std::move(told); }

  // The number of the event that comes next.
  [[nodiscard]] uint64_t next() const { return first_ + events_.size(); }

  // Event number `number`, which moves on; nullopt: it has not happened yet. Who is late by more
  // than is kept gets an event "lost" that says how many, and goes on with the oldest.
  std::optional<Event> Take(uint64_t& number) const;

 private:
  size_t keep_;
  std::deque<Event> events_;
  uint64_t first_ = 0;  // number of events_.front()
  std::function<void()> told_;
};

}  // namespace stronghost
