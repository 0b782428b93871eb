#include "agent/serve/metrics_families.h"

#include <initializer_list>
#include <string>
#include <utility>

namespace stronghost {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

ClientMetric Labelled(std::initializer_list<std::pair<const char*, std::string>> labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) {
    metric.label.push_back({.name = name, .value = value});
  }
  return metric;
}

ClientMetric Gauge(ClientMetric metric, double value) {
  metric.gauge.value = value;
  return metric;
}

MetricFamily Packets(const StatusReport& report) {
  MetricFamily family{.name = "stronghost_packets_total",
                      .help = "Packets by the NIC that they were on and the verdict they got.",
                      .type = MetricType::Counter,
                      .metric = {}};
  for (const auto& [nic, verdicts] : report.nic_counters) {
    for (const auto& [verdict, counter] : verdicts) {
      ClientMetric metric = Labelled({{"nic", nic}, {"verdict", verdict}});
      metric.counter.value = static_cast<double>(counter.packets);
      family.metric.push_back(std::move(metric));
    }
  }
  return family;
}

MetricFamily NicUp(const StatusReport& report) {
  MetricFamily family{.name = "stronghost_nic_up",
                      .help =
                          "1: the NIC can carry traffic (state up or standby). 0: it is "
                          "missing, down, drained or suspect.",
                      .type = MetricType::Gauge,
                      .metric = {}};
  for (const GroupReport& group : report.groups) {
    for (const NicReport& nic : group.nics) {
      const bool up = nic.state == "up" || nic.state == "standby";
      family.metric.push_back(
          Gauge(Labelled({{"group", group.name}, {"nic", nic.name}}), up ? 1 : 0));
    }
  }
  return family;
}

MetricFamily AddressWire(const StatusReport& report) {
  MetricFamily family{.name = "stronghost_address_wire",
                      .help =
                          "1: the NIC `wire` carries the address that `home` owns. 0, with an "
                          "empty wire: nothing carries it.",
                      .type = MetricType::Gauge,
                      .metric = {}};
  for (const GroupReport& group : report.groups) {
    for (const AddressReport& address : group.addresses) {
      family.metric.push_back(
          Gauge(Labelled({{"address", address.ip}, {"home", address.home}, {"wire", address.wire}}),
                address.wire.empty() ? 0 : 1));
    }
  }
  return family;
}

}  // namespace

std::vector<MetricFamily> StatusFamilies(const StatusReport& report) {
  return {Packets(report), NicUp(report), AddressWire(report)};
}

}  // namespace stronghost
