#include "agent/trace/tracer.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/base/clock.h"
#include "agent/datapath/counters.h"
#include "agent/trace/packet_view.h"

namespace stronghost {
namespace {

constexpr size_t kKept = 4096;
// Each record is looked at by all of them, in the loop that answers a lost carrier.
constexpr size_t kSessions = 8;

PacketView ViewOf(const sh_trace_record& record) {
  const size_t captured = std::min<size_t>(record.captured, SH_TRACE_BYTES);
  return ReadPacket(absl::MakeConstSpan(record.bytes, captured));
}

const char* ProgramName(uint8_t program) {
  switch (program) {
    case SH_TRACE_STEER:
      return "steer";
    case SH_TRACE_DELIVER:
      return "deliver";
    case SH_TRACE_GUARD:
      return "guard";
    default:
      return "?";
  }
}

Json OrNull(const std::optional<IpAddress>& address) {
  return address.has_value() ? Json(address->ToString()) : Json();
}

Json OrNull(const std::optional<uint16_t>& port) {
  return port.has_value() ? Json(*port) : Json();
}

}  // namespace

TraceFilter Both(const TraceFilter& a, const TraceFilter& b) {
  return {.address = a.address == b.address ? a.address : IpAddress(),
          .home = a.home == b.home ? a.home : HomeIndex::kNone,
          .verdicts = a.verdicts | b.verdicts};
}

Event EventOf(const sh_trace_record& record, const std::string& group, const std::string& nic) {
  const PacketView view = ViewOf(record);
  return {.time = ToWallTime(absl::FromUnixNanos(static_cast<int64_t>(record.time_ns))),
          .event = "packet",
          .group = group,
          .nic = nic,
          .detail = absl::StrCat(view.text, ", ", record.length, " bytes",
                                 record.vlan == 0 ? "" : absl::StrCat(", VLAN ", record.vlan)),
          .more = {{"program", ProgramName(record.program)},
                   {"verdict", VerdictName(record.verdict)},
                   {"length", record.length},
                   {"source_mac", view.source_mac.ToString()},
                   {"destination_mac", view.destination_mac.ToString()},
                   {"source", OrNull(view.source)},
                   {"destination", OrNull(view.destination)},
                   {"target", OrNull(view.target)},
                   {"protocol", view.protocol},
                   {"source_port", OrNull(view.source_port)},
                   {"destination_port", OrNull(view.destination_port)},
                   {"vlan", record.vlan == 0 ? Json() : Json(record.vlan)}}};
}

class Tracer::Session : public TraceSession {
 public:
  Session(Tracer* tracer, Wanted wanted) : tracer_(tracer), wanted_(std::move(wanted)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() override {
    std::erase(tracer_->sessions_, this);
    tracer_->Refresh();
  }

  // What the programs can tell of it.
  [[nodiscard]] TraceFilter Filter(const HomeOf& home_of) const {
    return {.address = wanted_.address,
            .home = wanted_.nic.empty() ? HomeIndex::kNone : home_of(wanted_.nic),
            .verdicts = wanted_.verdicts};
  }

  void Add(const sh_trace_record& record, const PacketView& view, const std::string& group,
           const std::string& nic) {
    if ((!wanted_.nic.empty() && wanted_.nic != nic) ||
        (wanted_.verdicts & 1U << record.verdict) == 0 ||
        (wanted_.address != IpAddress() && !view.IsAbout(wanted_.address))) {
      return;
    }
    if (packets_.size() == kKept) {
      packets_.pop_front();
      ++missed_;
    }
    packets_.push_back({record, group, nic});
  }

  void AddMissed(uint32_t count) { missed_ += count; }

  std::optional<Event> Take() override {
    if (const uint64_t missed = std::exchange(missed_, 0); missed != 0) {
      return Event{.time = absl::Now(),
                   .event = "missed",
                   .detail = absl::StrCat(missed, missed == 1 ? " packet was" : " packets were",
                                          " left out: there was too much to show"),
                   .more = {{"packets", missed}}};
    }
    if (packets_.empty()) {
      return std::nullopt;
    }
    const Packet packet = std::move(packets_.front());
    packets_.pop_front();
    return EventOf(packet.record, packet.group, packet.nic);
  }

 private:
  struct Packet {
    sh_trace_record record;
    std::string group;
    std::string nic;
  };

  Tracer* tracer_;
  Wanted wanted_;
  std::deque<Packet> packets_;
  uint64_t missed_ = 0;
};

absl::StatusOr<std::unique_ptr<TraceSession>> Tracer::Start(Wanted wanted) {
  if (sessions_.size() == kSessions) {
    return absl::FailedPreconditionError(
        absl::StrCat(kSessions, " traces run already; end one of them"));
  }
  auto session = std::make_unique<Session>(this, std::move(wanted));
  sessions_.push_back(session.get());
  Refresh();
  return session;
}

void Tracer::Refresh() {
  std::optional<TraceFilter> all;
  for (const Session* session : sessions_) {
    const TraceFilter filter = session->Filter(home_of_);
    all = all.has_value() ? Both(*all, filter) : filter;
  }
  if (apply_ && all != applied_) {
    applied_ = all;
    apply_(all);
  }
}

void Tracer::Stop() {
  if (apply_ && applied_.has_value()) {
    apply_(std::nullopt);
  }
  apply_ = nullptr;
}

void Tracer::OnPacket(const sh_trace_record& record, const std::string& group,
                      const std::string& nic) {
  if (record.verdict >= SH_VERDICT_COUNT) {
    return;
  }
  const PacketView view = ViewOf(record);
  for (Session* session : sessions_) {
    session->Add(record, view, group, nic);
  }
}

bool Tracer::OnMissed(uint32_t total) {
  const uint32_t more = total - std::exchange(missed_, total);
  for (Session* session : sessions_) {
    session->AddMissed(more);
  }
  return more != 0 && active();
}

}  // namespace stronghost
