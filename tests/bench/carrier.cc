// Each signal of a lost carrier alone, and all together: from the loss to the flip of the wire. In
// a guest, by tests/bench/carrier-signals.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/figures.h"
#include "tests/bench/flip_watch.h"
#include "tests/bench/hypervisor.h"
#include "tests/lib/agent.h"
#include "tests/lib/await.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"

namespace stronghost::bench {
namespace {

constexpr std::array kNics = {"eth0", "eth1", "eth2"};
constexpr absl::Duration kSettles = absl::Seconds(30);
// Longer than rtnetlink keeps a loss to itself, and than the agent polls at full pace.
constexpr absl::Duration kCalm = absl::Milliseconds(1500);
constexpr absl::Duration kAfterAnother = absl::Milliseconds(300);

constexpr char kHow[] =
    "From the moment in which the kernel is told of the loss (entry of `netif_carrier_off()`) to "
    "the flip of the wire in `sh_homes`, in ms: median, in brackets minimum, the value below which "
    "nine of ten lie, and maximum. *First loss*: no link changed for 1.5 s before. *300 ms after "
    "another*: a third NIC lost its carrier before, so that rtnetlink keeps this loss to itself. "
    "A signal is alone because the others are silent: nobody sends (no egress), the program at "
    "`netif_carrier_off()` is taken out (no fentry), the agent is stopped (no poll, no rtnetlink), "
    "or it polls every 10 s. The poll can't be had without rtnetlink: their first loss is told by "
    "whichever is first, the other one by the poll.";

// What is left of the signals.
struct Signals {
  const char* name;
  bool fentry;
  bool agent;    // it runs
  bool traffic;  // 1,000 packets/s from the address of the NIC that is lost
  const char* carrier_poll = "2ms";
};
constexpr std::array kSignals = {
    Signals{"fentry alone", true, false, false},
    Signals{"egress alone, 1,000 packets/s", false, false, true},
    Signals{"poll, and rtnetlink", false, true, false},
    Signals{"rtnetlink alone", false, true, false, "10s"},
    Signals{"all, nobody sends", true, true, false},
    Signals{"all, 1,000 packets/s", true, true, true},
};

// Sends to nobody from eth0's address until it is destroyed.
class Sender {
 public:
  static absl::StatusOr<std::unique_ptr<Sender>> Start(const lab::NetNs& netns) {
    ASSIGN_OR_RETURN(UniqueFd socket, netns.Socket(AF_INET, SOCK_DGRAM));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    inet_pton(AF_INET, "198.51.100.1", &own.sin_addr);
    sockaddr_in nobody = own;
    nobody.sin_port = htons(9);
    inet_pton(AF_INET, "198.51.100.100", &nobody.sin_addr);
    if (bind(socket.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0 ||
        connect(socket.get(), reinterpret_cast<sockaddr*>(&nobody), sizeof(nobody)) != 0) {
      return ErrnoError(errno, "make a socket from 198.51.100.1");
    }
    return std::unique_ptr<Sender>(new Sender(std::move(socket)));
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() {
    ends_ = true;
    thread_.join();
  }

 private:
  explicit Sender(UniqueFd socket) : socket_(std::move(socket)), thread_([this] { Send(); }) {}
  void Send() {
    const sched_param second{.sched_priority = 40};
    static_cast<void>(sched_setscheduler(0, SCHED_FIFO, &second));
    while (!ends_) {
      static_cast<void>(send(socket_.get(), "x", 1, 0));
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  UniqueFd socket_;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

// eth0 to eth2 of the guest in a namespace, and the agent.
class Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Make(const Signals& signals,
                                                      Hypervisor& hypervisor) {
    ASSIGN_OR_RETURN(lab::NetNs netns, lab::NetNs::Create("carrier"));
    std::unique_ptr<Server> server(new Server(signals, hypervisor, std::move(netns)));
    RETURN_IF_ERROR(server->Build());
    return server;
  }

  // From the loss to the flip.
  absl::StatusOr<absl::Duration> Pull(bool after_another, int round) {
    RETURN_IF_ERROR(AwaitHome());
    // Whatever polls or sends is met at all its phases.
    absl::SleepFor(kCalm + absl::Microseconds(round * 6100 % 20000));
    if (!signals_.agent) {
      RETURN_IF_ERROR(agent_->process().Kill(SIGSTOP));
    }
    std::unique_ptr<Sender> sender;
    if (signals_.traffic) {
      ASSIGN_OR_RETURN(sender, Sender::Start(netns_));
    }
    if (after_another) {
      RETURN_IF_ERROR(hypervisor_->SetLink("n2", false));
      absl::SleepFor(kAfterAnother);
    }
    watch_->Arm(links_[0]);
    const absl::Status pulled = hypervisor_->SetLink("n0", false);
    auto flip = watch_->Await();
    RETURN_IF_ERROR(pulled);
    RETURN_IF_ERROR(agent_->process().Kill(SIGCONT));
    RETURN_IF_ERROR(hypervisor_->SetLink("n0", true));
    if (after_another) {
      RETURN_IF_ERROR(hypervisor_->SetLink("n2", true));
    }
    return flip;
  }

  absl::Status GiveBack() {
    watch_.reset();
    ASSIGN_OR_RETURN(const lab::ExecResult result, agent_->Command({"detach"}));
    if (!result.ok()) {
      return absl::InternalError(absl::StrCat("stronghost detach: ", result.output));
    }
    agent_.reset();
    for (const char* nic : kNics) {
      RETURN_IF_ERROR(netns_.IpBatch(absl::StrCat("link set ", nic, " netns 1\n")));
    }
    return absl::OkStatus();
  }

 private:
  Server(const Signals& signals, Hypervisor& hypervisor, lab::NetNs netns)
      : signals_(signals), hypervisor_(&hypervisor), netns_(std::move(netns)) {}

  absl::Status Build() {
    // No router solicitations and the like: nobody sends unless asked to.
    for (const char* scope : {"all", "default"}) {
      RETURN_IF_ERROR(
          netns_.SetSysctl(absl::StrCat("net/ipv6/conf/", scope, "/disable_ipv6"), "1"));
    }
    for (size_t i = 0; i < kNics.size(); ++i) {
      ASSIGN_OR_RETURN(
          const lab::ExecResult moved,
          lab::RunProgram({.argv = {"ip", "link", "set", kNics[i], "netns", netns_.name()}}));
      if (!moved.ok()) {
        return absl::InternalError(absl::StrCat("ip: ", moved.output));
      }
      RETURN_IF_ERROR(netns_.IpBatch(absl::StrCat(
          "address add 198.51.100.", i + 1, "/24 dev ", kNics[i], "\nlink set ", kNics[i],
          " multicast off up\nneigh replace 198.51.100.100 lladdr 02:00:5e:10:00:64 dev ", kNics[i],
          " nud permanent\n")));
      ASSIGN_OR_RETURN(const int index, netns_.IfIndex(kNics[i]));
      links_[i] = IfIndex{static_cast<uint32_t>(index)};
    }
    const std::string keys = absl::StrCat("failback = \"50ms\"\n[group.detect]\ncarrier_poll = \"",
                                          signals_.carrier_poll, "\"\n");
    ASSIGN_OR_RETURN(
        lab::Agent agent,
        lab::Agent::Start(netns_, {.groups = lab::GroupToml({kNics.begin(), kNics.end()}, keys)}));
    agent_ = std::make_unique<lab::Agent>(std::move(agent));
    const std::string pin = agent_->pin_dir() + "/links/carrier";
    if (!signals_.fentry && unlink(pin.c_str()) != 0) {
      return ErrnoError(errno, absl::StrCat("remove ", pin));
    }
    ASSIGN_OR_RETURN(watch_, netns_.Run([this] { return FlipWatch::Open(agent_->pin_dir()); }));
    return absl::OkStatus();
  }

  // Every home on its own wire, with a backup.
  absl::Status AwaitHome() {
    return lab::Await(
        kSettles,
        [this] {
          for (const IfIndex link : links_) {
            const Path path = watch_->PathOf(link);
            if (path.wire != link || path.backup == IfIndex::kNone) {
              return false;
            }
          }
          return true;
        },
        absl::StrCat(signals_.name, ": every home on its own wire"));
  }

  Signals signals_;
  Hypervisor* hypervisor_;
  lab::NetNs netns_;
  std::array<IfIndex, kNics.size()> links_{};
  std::unique_ptr<lab::Agent> agent_;
  std::unique_ptr<FlipWatch> watch_;
};

std::string Spread(const std::vector<double>& ms) {
  return absl::StrFormat("%.2f [%.2f .. %.2f .. %.2f]", Quantile(ms, 0.5), Quantile(ms, 0),
                         Quantile(ms, 0.9), Quantile(ms, 1));
}

std::string Kernel() {
  utsname name{};
  uname(&name);
  return name.release;
}

absl::Status Run(const BenchOptions& options, Report& report) {
  ASSIGN_OR_RETURN(Hypervisor hypervisor, Hypervisor::Open());
  const int pulls = options.Rounds(100, 3);
  report.title = absl::StrCat("Kernel ", Kernel(), ", ", pulls, " pulls each");
  report.how = kHow;
  report.details.head = {"signal", "first loss", "300 ms after another"};
  for (const Signals& signals : kSignals) {
    ASSIGN_OR_RETURN(auto server, Server::Make(signals, hypervisor));
    std::vector<std::string> line = {signals.name};
    for (const bool after_another : {false, true}) {
      std::vector<double> ms;
      for (int round = 0; round < pulls; ++round) {
        const auto flip = server->Pull(after_another, round);
        RETURN_IF_ERROR(Annotate(flip.status(), signals.name));
        ms.push_back(absl::ToDoubleMilliseconds(*flip));
      }
      line.push_back(Spread(ms));
      Progress(absl::StrCat(signals.name,
                            after_another ? ", after another: " : ", first: ", line.back()));
    }
    report.details.lines.push_back(line);
    RETURN_IF_ERROR(server->GiveBack());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
