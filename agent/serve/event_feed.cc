#include "agent/serve/event_feed.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace stronghost {
Json EventToJson(const Event& event) {
  Json json = event.more;
  json["time"] = absl::FormatTime(absl::RFC3339_full, event.time, absl::UTCTimeZone());
  json["event"] = event.event;
  json["group"] = NullIfEmpty(event.group);
  json["nic"] = NullIfEmpty(event.nic);
  json["detail"] = event.detail;
  return json;
}

void EventFeed::Add(Event event) {
  events_.push_back(std::move(event));
  if (events_.size() > keep_) {
    events_.pop_front();
    ++first_;
  }
  if (told_) {
    told_();
  }
}

std::optional<Event> EventFeed::Take(uint64_t& number) const {
  if (number < first_) {
    const uint64_t lost = first_ - number;
    number = first_;
    return Event{.time = absl::Now(),
                 .event = "lost",
                 .detail = absl::StrCat(lost, lost == 1 ? " event was" : " events were",
                                        " not read in time; see status for what is now"),
                 .more = {{"events", lost}}};
  }
  if (number >= next()) {
    return std::nullopt;
  }
  return events_[number++ - first_];
}

}  // namespace stronghost
