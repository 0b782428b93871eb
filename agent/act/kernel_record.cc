#include "agent/act/kernel_record.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "agent/base/status.h"

namespace stronghost {
namespace {

// Reads and writes the record of one step's object, whatever the step does to it.
class Recorder {
 public:
  Recorder(const Facts& facts, StateFile& state)
      : facts_(facts), state_(state), before_(state.state()) {}

  // Called before the kernel is changed: notes what a step is going to add.
  void Announce(const KernelStep& step) {
    if (const auto* address = std::get_if<AddAddress>(&step)) {
      if (!address->moved) {
        state_.RecordAddress(Id(address->address));
      }
    } else if (const auto* filter = std::get_if<AddFilter>(&step)) {
      state_.RecordFilter(filter->filter);
    } else if (const auto* group = std::get_if<SetIfGroup>(&step); group && !group->restore) {
      if (const auto link = facts_.links.find(group->link); link != facts_.links.end()) {
        state_.RecordIfgroup({group->link, link->second.name}, link->second.ifgroup);
      }
    }
  }

  // What is not, or no longer, the agent's. An addition that was on record before stays: the kernel
  // has it because the agent added it a moment ago, and only the news of it is still under way.
  void Forget(const KernelStep& step) {
    if (const auto* added = std::get_if<AddAddress>(&step)) {
      if (!before_.addresses.contains(Id(added->address))) {
        state_.ForgetAddress(Id(added->address));
      }
    } else if (const auto* deleted = std::get_if<DeleteAddress>(&step)) {
      state_.ForgetAddress(Id(deleted->address));
    } else if (const auto* add_filter = std::get_if<AddFilter>(&step)) {
      if (!before_.filters.contains(add_filter->filter)) {
        state_.ForgetFilter(add_filter->filter);
      }
    } else if (const auto* delete_filter = std::get_if<DeleteFilter>(&step)) {
      state_.ForgetFilter(delete_filter->filter);
    } else if (const auto* group = std::get_if<SetIfGroup>(&step)) {
      if (const auto link = facts_.links.find(group->link); link != facts_.links.end()) {
        const LinkId id{group->link, link->second.name};
        if (group->restore || !before_.ifgroups.contains(id)) {
          state_.ForgetIfgroup(id);
        }
      }
    }
  }

 private:
  AddedAddress Id(const AddressFact& address) const {
    const auto link = facts_.links.find(address.link);
    return {link != facts_.links.end() ? link->second.name : "", address.ip};
  }

  const Facts& facts_;
  StateFile& state_;
  const AgentState before_;
};

bool Takes(const KernelStep& step) {
  const auto* group = std::get_if<SetIfGroup>(&step);
  return std::holds_alternative<DeleteAddress>(step) ||
         std::holds_alternative<DeleteFilter>(step) || (group != nullptr && group->restore);
}

}  // namespace

absl::StatusOr<ApplyReport> ApplyRecorded(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                                          const Facts& facts, StateFile& state) {
  Recorder recorder(facts, state);
  for (const KernelStep& step : steps) {
    recorder.Announce(step);
  }
  RETURN_IF_ERROR(state.Save());
  ApplyReport report = ApplySteps(socket, steps, facts);

  std::vector<const KernelStep*> failed;
  for (const StepFailure& failure : report.failures) {
    failed.push_back(&failure.step);
    if (!Takes(failure.step) && failure.error_number != EBADMSG) {
      recorder.Forget(failure.step);
    }
  }
  for (const KernelStep& step : report.found_done) {
    recorder.Forget(step);
  }
  for (const KernelStep& step : steps) {
    if (Takes(step) && std::none_of(failed.begin(), failed.end(),
                                    [&](const KernelStep* other) { return *other == step; })) {
      recorder.Forget(step);
    }
  }
  report.save_status = state.Save();
  return report;
}

void ForgetRecords(IfIndex link, StateFile& state) {
  const AgentState known = state.state();
  for (const FilterEntry& filter : known.filters) {
    if (filter.link == link) {
      state.ForgetFilter(filter);
    }
  }
  for (const auto& [id, group] : known.ifgroups) {
    if (id.index == link) {
      state.ForgetIfgroup(id);
    }
  }
}

}  // namespace stronghost
