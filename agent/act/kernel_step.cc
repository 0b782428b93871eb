#include "agent/act/kernel_step.h"

#include <linux/rtnetlink.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stronghost {
namespace {

class Describer {
 public:
  explicit Describer(const Facts& facts) : facts_(facts) {}

  std::string operator()(const AddAddress& step) const {
    return absl::StrCat("add address ", step.address.ip.ToString(), " to ",
                        Name(step.address.link));
  }
  std::string operator()(const DeleteAddress& step) const {
    return absl::StrCat("delete address ", step.address.ip.ToString(), " from ",
                        Name(step.address.link));
  }
  std::string operator()(const AddRoute& step) const {
    return absl::StrCat(step.replace ? "replace route " : "add route ", Text(step.route));
  }
  std::string operator()(const DeleteRoute& step) const {
    return absl::StrCat("delete route ", Text(step.route));
  }
  std::string operator()(const AddRule& step) const {
    return absl::StrCat("add rule ", Text(step.rule));
  }
  std::string operator()(const DeleteRule& step) const {
    return absl::StrCat("delete rule ", Text(step.rule));
  }
  std::string operator()(const AddFilter& step) const {
    return absl::StrCat("let ", Name(step.filter.link), " accept frames to ",
                        step.filter.mac.ToString());
  }
  std::string operator()(const DeleteFilter& step) const {
    return absl::StrCat("let ", Name(step.filter.link), " no longer accept frames to ",
                        step.filter.mac.ToString());
  }
  std::string operator()(const SetIfGroup& step) const {
    return absl::StrCat("set link group ", step.group, " on ", Name(step.link));
  }

 private:
  std::string Name(IfIndex link) const {
    const auto found = facts_.links.find(link);
    return found != facts_.links.end() ? found->second.name : absl::StrCat("link ", ToInt(link));
  }

  std::string Text(const RouteFact& route) const {
    return absl::StrCat(
        route.destination.ToString(),
        route.gateway.has_value() ? absl::StrCat(" via ", route.gateway->ToString()) : "", " dev ",
        Name(route.link), " table ", route.table,
        route.metric != 0 ? absl::StrCat(" metric ", route.metric) : "");
  }

  static std::string Text(const RuleFact& rule) {
    return absl::StrCat(rule.priority, ": from ",
                        rule.from.has_value() ? rule.from->ToString() : "all",
                        rule.mark_mask == 0 ? "" : absl::StrFormat(" fwmark %#x", rule.mark),
                        " table ", rule.table == RT_TABLE_MAIN ? "main" : absl::StrCat(rule.table));
  }

  const Facts& facts_;
};

}  // namespace

std::string Describe(const KernelStep& step, const Facts& facts) {
  return std::visit(Describer(facts), step);
}

}  // namespace stronghost
