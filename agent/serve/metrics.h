#pragma once

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/serve/report.h"

namespace stronghost {

// The metrics page of the agent, for Prometheus.
//
// Threading: the loop publishes; the exposer's own threads read what was published last, under a
//   lock, and touch nothing else.
// Failure: without Listen, or where it fails, everything else works and nobody reads it.
// Metrics: those of StatusFamilies, and stronghost_failovers_total{group,nic,cause},
//   stronghost_failover_outage_seconds (histogram).
class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  // Serves http://ADDRESS/metrics, ADDRESS being "127.0.0.1:9842", "[::1]:9842" or "9842"; port 0
  // takes a free one. The socket belongs to the network namespace of the calling thread. An
  // address that can't be had is an Unavailable error.
  absl::Status Listen(const std::string& address);

  // The port in use; 0 while nothing listens.
  [[nodiscard]] int port() const;

  // From now on `report` is what is shown. It is not changed any more by anybody.
  void Publish(std::shared_ptr<const StatusReport> report);

  // A home of `group` whose NIC is `nic` got another wire. `cause` is one of a few fixed words
  // ("kernel", "carrier", "down", "gone", "failback" ...).
  void CountFailover(const std::string& group, const std::string& nic, const std::string& cause);

  // How long a failover left the home without a wire that works.
  void ObserveOutage(absl::Duration outage);

 private:
  class Snapshot;

  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>* failovers_;  // both owned by registry_
  prometheus::Histogram* outage_;
  std::shared_ptr<Snapshot> snapshot_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;  // that exposer_ listens on
};

}  // namespace stronghost
