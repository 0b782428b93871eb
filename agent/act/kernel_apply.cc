#include "agent/act/kernel_apply.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/netlink/build.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

// Appends the messages of one step; the first one decides about it, the others restore.
class MessageBuilder {
 public:
  explicit MessageBuilder(std::vector<NetlinkMessage>& messages) : messages_(messages) {}

  void operator()(const AddAddress& step) { messages_.push_back(AddAddressRequest(step.address)); }
  void operator()(const DeleteAddress& step) {
    messages_.push_back(DeleteAddressRequest(step.address));
    for (const AddressFact& address : step.keep) {
      messages_.push_back(AddAddressRequest(address));
    }
  }
  void operator()(const AddRoute& step) {
    messages_.push_back(
        AddRouteRequest(step.route, step.replace ? RouteChange::kReplace : RouteChange::kAdd));
  }
  void operator()(const DeleteRoute& step) { messages_.push_back(DeleteRouteRequest(step.route)); }
  void operator()(const AddRule& step) { messages_.push_back(AddRuleRequest(step.rule)); }
  void operator()(const DeleteRule& step) { messages_.push_back(DeleteRuleRequest(step.rule)); }
  void operator()(const AddFilter& step) { messages_.push_back(AddFilterRequest(step.filter)); }
  void operator()(const DeleteFilter& step) {
    messages_.push_back(DeleteFilterRequest(step.filter));
  }
  void operator()(const SetIfGroup& step) {
    messages_.push_back(SetLinkGroupRequest(step.link, step.group));
  }

 private:
  std::vector<NetlinkMessage>& messages_;
};

bool IsDeletion(const KernelStep& step) {
  return std::holds_alternative<DeleteAddress>(step) || std::holds_alternative<DeleteRoute>(step) ||
         std::holds_alternative<DeleteRule>(step) || std::holds_alternative<DeleteFilter>(step);
}

bool FoundDone(const KernelStep& step, int error) {
  if (!IsDeletion(step)) {
    return error == EEXIST;
  }
  return error == ENOENT || error == ESRCH || error == ENODEV || error == EADDRNOTAVAIL;
}

bool IsTransient(const KernelStep& step, int error) {
  if (const auto* add = std::get_if<AddRoute>(&step); add != nullptr && error == EINVAL) {
    // "Invalid source address": an IPv6 one is none until duplicate address detection is over.
    return add->route.destination.address.IsV6() && add->route.source.has_value();
  }
  return error == ENETDOWN || error == ENETUNREACH || error == EHOSTUNREACH || error == ENODEV ||
         error == EBUSY || error == EAGAIN || error == ENOBUFS || error == EBADMSG;
}

absl::Status StatusOf(const KernelStep& step, const NetlinkAnswer& answer, const Facts& facts) {
  const absl::Status status = answer.ToStatus(Describe(step, facts));
  if (!std::holds_alternative<AddFilter>(step) || answer.error_number == EPERM ||
      IsTransient(step, answer.error_number)) {
    return status;
  }
  return {status.code(), absl::StrCat(status.message(), "; a NIC that takes no second MAC needs ",
                                      "mac = \"stay\" in its group")};
}

}  // namespace

ApplyReport ApplySteps(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                       const Facts& facts) {
  std::vector<NetlinkMessage> messages;
  std::vector<size_t> starts;  // of each step among the messages
  for (const KernelStep& step : steps) {
    starts.push_back(messages.size());
    std::visit(MessageBuilder(messages), step);
  }
  starts.push_back(messages.size());
  const std::vector<NetlinkAnswer> answers = socket.TransactAll(absl::MakeSpan(messages));

  ApplyReport report;
  const auto fail = [&](const KernelStep& step, const NetlinkAnswer& answer) {
    report.failures.push_back({.step = step,
                               .status = StatusOf(step, answer, facts),
                               .error_number = answer.error_number,
                               .transient = IsTransient(step, answer.error_number)});
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    const NetlinkAnswer& answer = answers[starts[i]];
    if (FoundDone(steps[i], answer.error_number)) {
      report.found_done.push_back(steps[i]);
    } else if (!answer.ok()) {
      fail(steps[i], answer);
    }
    for (size_t restored = starts[i] + 1; restored < starts[i + 1]; ++restored) {
      if (!answers[restored].ok() && answers[restored].error_number != EEXIST) {
        const auto& deletion = std::get<DeleteAddress>(steps[i]);
        fail(AddAddress{deletion.keep[restored - starts[i] - 1]}, answers[restored]);
      }
    }
  }
  return report;
}

absl::StatusOr<std::vector<FilterEntry>> ReadFilters(NetlinkSocket& socket,
                                                     absl::Span<const IfIndex> links) {
  std::vector<FilterEntry> all;
  for (const IfIndex link : links) {
    const auto parse = [link](const nlmsghdr& message, std::vector<FilterEntry>& filters) {
      if (const auto filter = ParseFilter(message); filter.has_value() && filter->link == link) {
        filters.push_back(*filter);
      }
    };
    auto filters =
        DumpFacts<FilterEntry>(socket, DumpFiltersRequest(link), "list MAC filters", parse);
    if (!filters.ok()) {
      if (absl::IsNotFound(filters.status())) {
        continue;
      }
      return filters.status();
    }
    all.insert(all.end(), filters->begin(), filters->end());
  }
  return all;
}

}  // namespace stronghost
