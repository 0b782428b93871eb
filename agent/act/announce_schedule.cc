#include "agent/act/announce_schedule.h"

#include <algorithm>

namespace stronghost {
namespace {

absl::Duration IntervalOf(const IpAddress& ip) {
  return ip.IsV4() ? kArpInterval : kNaInterval;
}
int CountOf(const IpAddress& ip) {
  return ip.IsV4() ? kArpCount : kNaCount;
}

template <typename Predicate>
IpAddress FirstOr(const std::vector<IpAddress>& addresses, IpAddress otherwise,
                  Predicate predicate) {
  const auto found = std::find_if(addresses.begin(), addresses.end(), predicate);
  return found == addresses.end() ? otherwise : *found;
}

std::vector<Frame> Reports(const AnnounceJob& job) {
  const IpAddress v4 =
      FirstOr(job.addresses, IpAddress::V4(0), [](const IpAddress& ip) { return ip.IsV4(); });
  const IpAddress v6 =
      FirstOr(job.addresses, IpAddress(), [](const IpAddress& ip) { return ip.IsLinkLocal(); });
  std::vector<Frame> frames = job.igmp_version >= 3 ? IgmpV3Reports(job.mac, v4, job.groups)
                                                    : IgmpV2Reports(job.mac, v4, job.groups);
  for (Frame& frame : MldV2Reports(job.mac, v6, job.groups)) {
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace

AnnounceSchedule::Key AnnounceSchedule::KeyOf(HomeIndex home, const IpAddress& ip) {
  return {ip.IsLinkLocal() ? home : HomeIndex::kNone, ip};
}

// When `said` may be announced (again): rules 1 to 3 of the header.
absl::Time AnnounceSchedule::Earliest(const Said& said, const IpAddress& ip, absl::Time now) {
  absl::Time earliest = std::max(now, said.budget - (CountOf(ip) - 1) * kAnnounceRegain);
  if (said.sent_mac == said.mac) {
    earliest = std::max(earliest, said.sent + IntervalOf(ip));
  }
  return earliest;
}

void AnnounceSchedule::Push(Job& job, Wire& wire, Turn turn, absl::Time due, What what,
                            size_t index) {
  wire.queues[turn].emplace(std::make_pair(due, sequence_++), Task{job.job.home, what, index});
  ++job.pending;
}

void AnnounceSchedule::Start(AnnounceJob job, absl::Time now) {
  Cancel(job.home);
  Forget(now);
  const HomeIndex home = job.home;
  Job& running = jobs_[home];
  running.reports = Reports(job);
  running.job = std::move(job);
  std::vector<IpAddress>& addresses = running.job.addresses;
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());

  Wire& wire = wires_[running.job.wire];
  if (!running.job.stay) {
    for (const absl::Duration delay : kLearningDelays) {
      Push(running, wire, kLearningTurn, now + delay, What::kLearning, 0);
    }
  }
  for (size_t i = 0; i < running.reports.size(); ++i) {
    Push(running, wire, kReportTurn, now, What::kReport, i);
    Push(running, wire, kRepeatTurn, now + kReportRepeat, What::kReport, i);
  }
  if (running.job.stay || running.job.announce_addresses) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      QueueAddress(running, wire, i, now);
    }
  }
  if (running.pending == 0) {
    jobs_.erase(home);
  }
}

void AnnounceSchedule::QueueAddress(Job& job, Wire& wire, size_t index, absl::Time now) {
  const IpAddress& ip = job.job.addresses[index];
  Said& said = said_[KeyOf(job.job.home, ip)];
  if (said.mac != job.job.mac || now - said.touched > kAnnounceMemory) {
    said.mac = job.job.mac;
    said.count = 0;
  }
  said.home = job.job.home;
  said.touched = now;
  if (said.count < CountOf(ip)) {
    Push(job, wire, said.count == 0 ? kFirstTurn : kRepeatTurn, Earliest(said, ip, now),
         What::kAddress, index);
  }
}

void AnnounceSchedule::Cancel(HomeIndex home) {
  const auto job = jobs_.find(home);
  if (job == jobs_.end()) {
    return;
  }
  for (Queue& queue : wires_[job->second.job.wire].queues) {
    for (auto task = queue.begin(); task != queue.end();) {
      task = task->second.home == home ? queue.erase(task) : std::next(task);
    }
  }
  jobs_.erase(job);
}

std::vector<DueFrame> AnnounceSchedule::Due(absl::Time now) {
  std::vector<DueFrame> out;
  for (auto& [index, wire] : wires_) {
    const size_t begin = out.size();
    Drain(wire, kLearningTurn, now, out.max_size(), out);
    if (now >= wire.resume) {
      const size_t limit = out.size() + kFramesPerTurn;
      for (const Turn turn : {kReportTurn, kFirstTurn, kRepeatTurn}) {
        Drain(wire, turn, now, limit, out);
      }
      if (out.size() == limit) {
        wire.resume = now + kTurnPause;
      }
    }
    for (size_t i = begin; i < out.size(); ++i) {
      out[i].wire = index;
    }
  }
  return out;
}

// Moves what is due in one queue to `out`, until that holds `limit` frames.
void AnnounceSchedule::Drain(Wire& wire, Turn turn, absl::Time now, size_t limit,
                             std::vector<DueFrame>& out) {
  Queue& queue = wire.queues[turn];
  while (!queue.empty() && queue.begin()->first.first <= now && out.size() < limit) {
    const Task task = queue.begin()->second;
    queue.erase(queue.begin());
    const auto job = jobs_.find(task.home);  // there: Cancel() takes a job's tasks with it
    if (std::optional<Frame> frame = Take(task, job->second, wire, now); frame.has_value()) {
      out.push_back({IfIndex::kNone, *std::move(frame)});
    }
    if (--job->second.pending == 0) {
      jobs_.erase(job);
    }
  }
}

std::optional<Frame> AnnounceSchedule::Take(const Task& task, Job& job, Wire& wire,
                                            absl::Time now) {
  switch (task.what) {
    case What::kLearning:
      return LearningFrame(job.job.home_mac);
    case What::kReport:
      return job.reports[task.index];
    case What::kAddress:
      break;
  }
  const IpAddress& ip = job.job.addresses[task.index];
  const auto found = said_.find(KeyOf(task.home, ip));
  if (found == said_.end() || found->second.home != task.home) {
    return std::nullopt;  // the address moved, and its new home announces it
  }
  Said& said = found->second;
  said.sent_mac = said.mac;
  said.sent = now;
  said.touched = now;
  said.budget = std::max(said.budget, now) + kAnnounceRegain;
  if (++said.count < CountOf(ip)) {
    Push(job, wire, kRepeatTurn, Earliest(said, ip, now), What::kAddress, task.index);
  }
  return ip.IsV4() ? ArpAnnouncement(ip, said.mac) : UnsolicitedNa(ip, said.mac, job.job.router);
}

std::optional<absl::Time> AnnounceSchedule::NextDue() const {
  std::optional<absl::Time> next;
  for (const auto& [index, wire] : wires_) {
    for (size_t turn = 0; turn < kTurns; ++turn) {
      if (wire.queues[turn].empty()) {
        continue;
      }
      absl::Time due = wire.queues[turn].begin()->first.first;
      if (turn != kLearningTurn) {
        due = std::max(due, wire.resume);
      }
      next = std::min(next.value_or(due), due);
    }
  }
  return next;
}

// Drops what can no longer limit anything, now and then: it costs a walk.
void AnnounceSchedule::Forget(absl::Time now) {
  if (now < next_forget_) {
    return;
  }
  next_forget_ = now + kAnnounceMemory;
  absl::erase_if(said_, [now](const auto& entry) {
    return now - std::max(entry.second.touched, entry.second.budget) > kAnnounceMemory;
  });
  absl::erase_if(wires_, [now](const auto& entry) {
    const Wire& wire = entry.second;
    return now >= wire.resume && std::all_of(wire.queues.begin(), wire.queues.end(),
                                             [](const Queue& queue) { return queue.empty(); });
  });
}

}  // namespace stronghost
