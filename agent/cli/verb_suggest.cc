#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/cli/same_host.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/config/load.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/host_programs.h"
#include "agent/observe/segment_probe.h"
#include "agent/observe/snapshot.h"
#include "agent/suggest/candidates.h"
#include "agent/suggest/suggest.h"
#include "agent/suggest/write_toml.h"

namespace stronghost {
namespace {

// NICs whose MAC may be at work on another one now, by the word of the agent that runs here. A
// frame of theirs would move the switch's entry for it.
std::set<std::string> RelievedNics(const StatusReport& report) {
  std::set<std::string> relieved;
  for (const GroupReport& group : report.groups) {
    for (const NicReport& nic : group.nics) {
      if (nic.state == "drained" || nic.state == "suspect") {
        relieved.insert(nic.name);
      }
    }
    for (const AddressReport& address : group.addresses) {
      if (address.wire != address.home) {
        relieved.insert(address.home);
      }
    }
  }
  return relieved;
}

// Nothing if no agent of this host answers at the socket.
std::optional<StatusReport> AskAgent(const Session& session, const Facts& facts) {
  auto status = FetchStatus(session);
  if (status.ok() && !ServesThisHost(*status, facts)) {
    session.io.err << "stronghost: the agent at the socket serves another network namespace; going "
                      "on without it\n";
    return std::nullopt;
  }
  if (status.ok()) {
    session.io.err << "stronghost: an agent answers at the socket; going on\n";
    return *std::move(status);
  }
  if (!NobodyThere(status.status())) {
    session.io.err << "stronghost: whether an agent runs here is not known: "
                   << Printable(status.status().message()) << "; going on\n";
  }
  return std::nullopt;
}

absl::StatusOr<HostFacts> ReadHost() {
  HostFacts host;
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  ASSIGN_OR_RETURN(DriverNames drivers, DriverNames::Open());
  ASSIGN_OR_RETURN(host.facts, ReadFacts(socket, drivers));
  host.wireless = WirelessLinks(host.facts);
  host.managers = RunningManagers();
  host.now = MonotonicNow();
  return host;
}

absl::StatusOr<Hearing> Probe(const HostFacts& host, const Candidates& candidates,
                              const std::set<std::string>& relieved) {
  std::vector<ProbeNic> nics;
  for (const IfIndex index : candidates.nics) {
    const LinkFact& link = host.facts.links.at(index);
    nics.push_back({index, link.name, link.mac, relieved.contains(link.name)});
  }
  auto hearing = ProbeSegments(nics);
  if (!hearing.ok()) {
    return absl::Status(
        hearing.status().code(),
        absl::StrCat(hearing.status().message(),
                     absl::IsPermissionDenied(hearing.status()) ? "; run as root (CAP_NET_RAW), or"
                                                                : "; try again, or",
                     " with --no-probe, which sends nothing and guesses by subnet"));
  }
  for (const ProbeNic& nic : nics) {
    if (nic.silent) {
      hearing->failures.emplace(nic.link,
                                "it only listened, since another NIC carries its frames now "
                                "(stronghost status)");
    }
  }
  return hearing;
}

Json ToJson(const SuggestedGroup& group) {
  Json nics = Json::array();
  for (const SuggestedNic& nic : group.nics) {
    Json addresses = Json::array();
    for (const SuggestedAddress& address : nic.addresses) {
      addresses.push_back({{"ip", address.ip}, {"origin", address.origin}});
    }
    nics.push_back({{"name", nic.name},
                    {"mac", nic.mac.ToString()},
                    {"driver", nic.driver},
                    {"mtu", nic.mtu},
                    {"addresses", std::move(addresses)}});
  }
  Json gateways = Json::array();
  for (const IpAddress& gateway : group.config.gateways) {
    gateways.push_back(gateway.ToString());
  }
  std::vector<std::string> notes = group.notes;
  notes.insert(notes.end(), group.gateway_notes.begin(), group.gateway_notes.end());
  return {{"name", group.config.name},
          {"nics", std::move(nics)},
          {"gateways", std::move(gateways)},
          {"notes", notes}};
}

Json ToJson(const Suggestion& suggestion, const std::string& config) {
  Json groups = Json::array();
  for (const SuggestedGroup& group : suggestion.groups) {
    groups.push_back(ToJson(group));
  }
  Json left_out = Json::array();
  for (const LeftOut& left : suggestion.left_out) {
    left_out.push_back({{"nic", left.nic}, {"reason", left.reason}});
  }
  return {{"config", config},
          {"probed", suggestion.probed},
          {"groups", std::move(groups)},
          {"left_out", std::move(left_out)},
          {"notes", suggestion.notes}};
}

absl::Status Run(const Session& session, bool no_probe) {
  ASSIGN_OR_RETURN(HostFacts host, ReadHost());
  const std::optional<StatusReport> agent = AskAgent(session, host.facts);
  host.agent_runs = agent.has_value();
  const Candidates candidates = FindCandidates(host);
  std::optional<Hearing> hearing;
  if (!no_probe) {
    ASSIGN_OR_RETURN(hearing,
                     Probe(host, candidates,
                           agent.has_value() ? RelievedNics(*agent) : std::set<std::string>{}));
  }
  const Suggestion suggestion = Suggest(host, candidates, hearing);
  const std::string config = ToToml(suggestion);
  if (const LoadedConfig loaded = ParseConfig(config, "suggestion"); !loaded.ok()) {
    return absl::InternalError(
        absl::StrCat("the suggestion does not pass the check: ", loaded.problems[0].ToString(),
                     "; this is a bug, please report it with the output of ip link"));
  }
  if (session.json) {
    session.PrintJson(ToJson(suggestion, config));
  } else {
    session.Print(config);
  }
  return absl::OkStatus();
}

}  // namespace

void AddSuggestVerb(CLI::App* app, Session* session) {
  CLI::App* verb = AddVerb(app, session, "suggest",
                           "Write a configuration for this host as it is; needs no agent");
  const auto no_probe = std::make_shared<bool>(false);
  verb->add_flag("--no-probe", *no_probe,
                 "Send nothing: guess by subnet which NICs share a segment");
  verb->callback([session, no_probe] { session->Finish(Run(*session, *no_probe)); });
}

}  // namespace stronghost
