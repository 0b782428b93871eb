#include "agent/serve/metrics.h"

#include <netdb.h>
#include <prometheus/collectable.h>
#include <pthread.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/unique_fd.h"
#include "agent/serve/metrics_families.h"

namespace stronghost {
namespace {

// Seconds: from a flip in the kernel to a failure that only a probe sees.
const prometheus::Histogram::BucketBoundaries kOutageBuckets = {
    0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01,
    0.02,    0.05,    0.1,    0.2,    0.5,   1,     5,     30};

// Blocks all signals for the calling thread while it lives: threads started meanwhile inherit
// that, and leave the signals to the event loop.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// Connects to a listener of this host and hangs up. `address` is one that Listen() takes.
void Knock(const std::string& address, int port) {
  const size_t colon = address.rfind(':');
  std::string host = colon == std::string::npos ? "0.0.0.0" : address.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    host = host.substr(1, host.size() - 2);
  }
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found) != 0) {
    return;
  }
  const UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The outcome is of no interest: a SYN that arrives is enough.
  static_cast<void>(connect(fd.get(), found->ai_addr, found->ai_addrlen));
  freeaddrinfo(found);
}

}  // namespace

// Hands the last report from the loop to the exposer's threads.
class Metrics::Snapshot : public prometheus::Collectable {
 public:
  void Set(std::shared_ptr<const StatusReport> report) {
    const std::lock_guard<std::mutex> lock(mutex_);
    report_.swap(report);
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    std::shared_ptr<const StatusReport> report;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      report = report_;
    }
    return StatusFamilies(report == nullptr ? StatusReport{} : *report);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const StatusReport> report_;
};

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      failovers_(&prometheus::BuildCounter()
                      .Name("stronghost_failovers_total")
                      .Help("Changes of a home's wire to another NIC, by what caused them.")
                      .Register(*registry_)),
      outage_(&prometheus::BuildHistogram()
                   .Name("stronghost_failover_outage_seconds")
                   .Help("Time from the loss of a wire to its replacement, as measured.")
                   .Register(*registry_)
                   .Add({}, kOutageBuckets)),
      snapshot_(std::make_shared<Snapshot>()) {}

// The exposer's accepting thread looks at its stop flag every two seconds, or when a client comes;
// an agent that restarts should not be away for so long.
Metrics::~Metrics() {
  if (exposer_ == nullptr) {
    return;
  }
  const int bound_port = port();
  std::promise<void> stopped;
  const SignalsBlocked blocked;
  std::thread knocking([this, bound_port, done = stopped.get_future()] {
    while (done.wait_for(std::chrono::milliseconds(5)) == std::future_status::timeout) {
      Knock(address_, bound_port);
    }
  });
  exposer_.reset();
  stopped.set_value();
  knocking.join();
}

absl::Status Metrics::Listen(const std::string& address) {
  const SignalsBlocked blocked;
  try {
    // One client that hangs must not keep both threads for the server's default of 30 s.
    auto exposer = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", "2", "request_timeout_ms", "5000"});
    exposer->RegisterCollectable(registry_);
    exposer->RegisterCollectable(snapshot_);
    exposer_ = std::move(exposer);
    address_ = address;
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("serve metrics on '", address, "': ", error.what(),
                     "; is the port taken? Choose another for [agent] metrics, or \"\" for none"));
  }
  return absl::OkStatus();
}

int Metrics::port() const {
  if (exposer_ == nullptr) {
    return 0;
  }
  const std::vector<int> ports = exposer_->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

void Metrics::Publish(std::shared_ptr<const StatusReport> report) {
  snapshot_->Set(std::move(report));
}

void Metrics::CountFailover(const std::string& group, const std::string& nic,
                            const std::string& cause) {
  failovers_->Add({{"group", group}, {"nic", nic}, {"cause", cause}}).Increment();
}

void Metrics::ObserveOutage(absl::Duration outage) {
  outage_->Observe(absl::ToDoubleSeconds(outage));
}

}  // namespace stronghost
