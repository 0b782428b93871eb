#include "agent/serve/agent_service.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "agent/serve/interface.h"
#include "agent/serve/orders_json.h"
#include "agent/serve/status_json.h"
#include "agent/serve/version.h"

namespace stronghost {
namespace {

VarlinkReply Error(absl::string_view error, const char* key, absl::string_view value) {
  return {.parameters = {{key, std::string(value)}}, .error = std::string(error)};
}

VarlinkReply Refused(const absl::Status& status) {
  const auto [message, mend] = SplitMend(status.message());
  return {.parameters = {{"message", message}, {"mend", mend}},
          .error = std::string(kRefusedError)};
}

VarlinkReply GetInfo() {
  return {.parameters = {{"vendor", "Stronghost"},
                         {"product", "stronghostd"},
                         {"version", Version()},
                         {"url", ""},
                         {"interfaces", {kServiceInterface.data(), kAgentInterface.data()}}}};
}

VarlinkReply GetInterfaceDescription(const VarlinkCall& call) {
  std::string interface;
  if (!JsonReader(call.parameters, "parameters").Get("interface", &interface).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "interface");
  }
  for (const auto& [name, text] : {std::pair{kServiceInterface, ServiceDescription()},
                                   std::pair{kAgentInterface, AgentDescription()}}) {
    if (name == interface) {
      return {.parameters = {{"description", std::string(text)}}};
    }
  }
  return Error(kInterfaceNotFoundError, "interface", interface);
}

// An address as users write it, with or without "%NIC".
struct ScopedAddress {
  IpAddress ip;
  std::string scope;
};

absl::StatusOr<ScopedAddress> ParseScoped(const std::string& text) {
  const size_t percent = text.find('%');
  auto ip = IpAddress::Parse(text.substr(0, percent));
  if (!ip.ok()) {
    return ip.status();
  }
  return ScopedAddress{*ip, percent == std::string::npos ? "" : text.substr(percent + 1)};
}

VarlinkReply Explain(const VarlinkCall& call, AgentApi* api) {
  std::vector<ScopedAddress> ends;
  for (const char* key : {"source", "destination"}) {
    std::string text;
    if (!JsonReader(call.parameters, "parameters").Get(key, &text).status().ok()) {
      return Error(kInvalidParameterError, "parameter", key);
    }
    auto end = ParseScoped(text);
    if (!end.ok()) {
      return Refused(end.status());
    }
    ends.push_back(*std::move(end));
  }
  const ScopedAddress& source = ends[0];
  const ScopedAddress& destination = ends[1];
  if (source.ip.IsV4() != destination.ip.IsV4()) {
    return Refused(absl::InvalidArgumentError(
        absl::StrCat(source.ip.ToString(), " and ", destination.ip.ToString(),
                     " are of two families; give two IPv4 or two IPv6 addresses")));
  }
  if (!source.scope.empty() && !destination.scope.empty() && source.scope != destination.scope) {
    return Refused(absl::InvalidArgumentError(
        absl::StrCat("%", source.scope, " and %", destination.scope,
                     " are two scopes, which no packet has; name one NIC")));
  }
  auto report = api->Explain(source.ip, destination.ip,
                             source.scope.empty() ? destination.scope : source.scope);
  if (!report.ok()) {
    return Refused(report.status());
  }
  return {.parameters = ExplainToJson(*report)};
}

VarlinkReply Drain(const VarlinkCall& call, AgentApi* api, bool drain) {
  std::string nic;
  bool force = false;
  if (!JsonReader(call.parameters, "parameters").Get("nic", &nic).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "nic");
  }
  if (!JsonReader(call.parameters, "parameters").Optional("force", &force).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "force");
  }
  const auto report = drain ? api->Drain(nic, force) : api->Undrain(nic);
  return report.ok() ? VarlinkReply{.parameters = DrainToJson(*report)} : Refused(report.status());
}

VarlinkReply Move(const VarlinkCall& call, AgentApi* api) {
  std::string address;
  std::string nic;
  if (!JsonReader(call.parameters, "parameters").Get("address", &address).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "address");
  }
  if (!JsonReader(call.parameters, "parameters").Get("nic", &nic).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "nic");
  }
  const auto ip = IpAddress::Parse(address);
  if (!ip.ok()) {
    return Refused(ip.status());
  }
  const auto report = api->Move(*ip, nic);
  return report.ok() ? VarlinkReply{.parameters = MoveToJson(*report)} : Refused(report.status());
}

VarlinkReply WhatIf(const VarlinkCall& call, AgentApi* api) {
  std::vector<std::string> nics;
  bool gone = false;
  JsonReader nics_reader(call.parameters, "parameters");
  if (!nics_reader.Optional("nics", &nics).status().ok() || nics.empty()) {
    return Error(kInvalidParameterError, "parameter", "nics");
  }
  if (!JsonReader(call.parameters, "parameters").Optional("gone", &gone).status().ok()) {
    return Error(kInvalidParameterError, "parameter", "gone");
  }
  const auto report = api->WhatIf(nics, gone);
  return report.ok() ? VarlinkReply{.parameters = WhatIfToJson(*report)} : Refused(report.status());
}

VarlinkReply Detach(AgentApi* api) {
  const absl::Status status = api->Detach();
  return status.ok() ? VarlinkReply{} : Refused(status);
}

VarlinkReplies Status(const VarlinkCall& call, AgentApi* api) {
  if (!call.more) {
    return [api] { return VarlinkReply{.parameters = StatusToJson(api->Status())}; };
  }
  return [api, pieces = std::shared_ptr<StatusPieces>()]() mutable {
    if (pieces == nullptr) {
      pieces = std::make_shared<StatusPieces>(api->Status());
    }
    Json piece = pieces->Next();
    return VarlinkReply{.parameters = std::move(piece), .continues = !pieces->done()};
  };
}

// The first event says that those that follow are complete.
VarlinkReplies Watch(const VarlinkCall& call, AgentApi* api) {
  if (!call.more) {
    return [] { return VarlinkReply{.error = std::string(kExpectedMoreError)}; };
  }
  return [feed = &api->Events(),
          number = std::optional<uint64_t>()]() mutable -> std::optional<VarlinkReply> {
    std::optional<Event> event;
    if (number.has_value()) {
      event = feed->Take(*number);
    } else {
      number = feed->next();
      event = {.time = absl::Now(), .event = "watching", .detail = "all that happens from now on"};
    }
    if (!event.has_value()) {
      return std::nullopt;
    }
    return VarlinkReply{.parameters = EventToJson(*event), .continues = true};
  };
}

absl::StatusOr<TraceOrder> ParseTraceOrder(const Json& parameters, std::string* wrong) {
  TraceOrder order;
  std::string address;
  JsonReader reader(parameters, "parameters");
  for (const char* key : {"address", "nic", "verdicts"}) {
    *wrong = key;
    if (*wrong == "verdicts") {
      reader.Optional(key, &order.verdicts);
    } else {
      reader.Optional(key, *wrong == "nic" ? &order.nic : &address);
    }
    RETURN_IF_ERROR(reader.status());
  }
  wrong->clear();
  if (address.empty()) {
    return order;
  }
  ASSIGN_OR_RETURN(const ScopedAddress scoped, ParseScoped(address));
  if (scoped.ip.IsUnspecified()) {
    return absl::InvalidArgumentError(
        absl::StrCat(address, " is no address of a host; leave it out to see all packets"));
  }
  if (order.nic.empty()) {
    order.nic = scoped.scope;
  }
  order.address = scoped.ip;
  return order;
}

// The first event says that the programs show what follows.
VarlinkReplies Trace(const VarlinkCall& call, AgentApi* api) {
  if (!call.more) {
    return [] { return VarlinkReply{.error = std::string(kExpectedMoreError)}; };
  }
  return [call, api,
          session = std::shared_ptr<TraceSession>()]() mutable -> std::optional<VarlinkReply> {
    if (session != nullptr) {
      const std::optional<Event> event = session->Take();
      return event.has_value()
                 ? std::optional(VarlinkReply{.parameters = EventToJson(*event), .continues = true})
                 : std::nullopt;
    }
    std::string wrong;
    const auto order = ParseTraceOrder(call.parameters, &wrong);
    if (!order.ok()) {
      return wrong.empty() ? Refused(order.status())
                           : Error(kInvalidParameterError, "parameter", wrong);
    }
    auto started = api->Trace(*order);
    if (!started.ok()) {
      return Refused(started.status());
    }
    session = *std::move(started);
    const Event event{.time = absl::Now(),
                      .event = "tracing",
                      .detail = "packets that end in a verdict from now on"};
    return VarlinkReply{.parameters = EventToJson(event), .continues = true};
  };
}

VarlinkReply UnknownMethod(const std::string& method) {
  const std::string interface = method.substr(0, method.rfind('.'));
  if (interface == kServiceInterface || interface == kAgentInterface) {
    return Error(kMethodNotFoundError, "method", method);
  }
  return Error(kInterfaceNotFoundError, "interface", interface);
}

}  // namespace

VarlinkReplies AnswerCall(const VarlinkCall& call, AgentApi* api) {
  if (!call.parameters.is_object()) {
    return [] { return Error(kInvalidParameterError, "parameter", "parameters"); };
  }
  if (call.upgrade) {
    return [] { return Error(kInvalidParameterError, "parameter", "upgrade"); };
  }
  if (call.method == "io.stronghost.Agent.Status") {
    return Status(call, api);
  }
  if (call.method == "io.stronghost.Agent.Watch") {
    return Watch(call, api);
  }
  if (call.method == "io.stronghost.Agent.Trace") {
    return Trace(call, api);
  }
  if (call.method == "io.stronghost.Agent.Explain") {
    return [call, api] { return Explain(call, api); };
  }
  if (call.method == "io.stronghost.Agent.Drain") {
    return [call, api] { return Drain(call, api, /*drain=*/true); };
  }
  if (call.method == "io.stronghost.Agent.Undrain") {
    return [call, api] { return Drain(call, api, /*drain=*/false); };
  }
  if (call.method == "io.stronghost.Agent.Move") {
    return [call, api] { return Move(call, api); };
  }
  if (call.method == "io.stronghost.Agent.WhatIf") {
    return [call, api] { return WhatIf(call, api); };
  }
  if (call.method == "io.stronghost.Agent.Detach") {
    return [api] { return Detach(api); };
  }
  if (call.method == "io.stronghost.Agent.Ping") {
    return [] { return VarlinkReply{}; };
  }
  if (call.method == "org.varlink.service.GetInfo") {
    return GetInfo;
  }
  if (call.method == "org.varlink.service.GetInterfaceDescription") {
    return [call] { return GetInterfaceDescription(call); };
  }
  return [method = call.method] { return UnknownMethod(method); };
}

std::pair<std::string, std::string> SplitMend(absl::string_view message) {
  const size_t cut = message.find("; ");
  if (cut == absl::string_view::npos) {
    return {std::string(message), ""};
  }
  return {std::string(message.substr(0, cut)), std::string(message.substr(cut + 2))};
}

}  // namespace stronghost
