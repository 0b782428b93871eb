// A flood of ARP requests on the wrong NIC: what the machine pays for each, with Stronghost and
// with the kernel's own means.
#include <sys/socket.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/contenders.h"
#include "tests/bench/control_programs.h"
#include "tests/bench/figures.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::bench {
namespace {

constexpr int kCpu = 1;
constexpr size_t kPeer = 0;  // arp_ignore = 1
constexpr char kDropper[] = "floor of native XDP: a program that drops everything";
// IEEE 802 local experimental ethertype: the stack has no use for such a frame.
constexpr uint16_t kUnknownEthertype = 0x88b5;

constexpr char kHow[] =
    "Broadcast ARP requests for eth0's address are sent into eth1's cable, by `sendmmsg` on the "
    "switch's end of it. A veth is received in the sender's softirq, so the CPU time of the "
    "sending "
    "thread (and of its CPU's ksoftirqd, if that takes over) holds sending and receiving: ns for "
    "each request, median of rounds that alternate between labs, with quartiles. The floor is the "
    "same with frames of an ethertype that nobody receives. On a veth, native XDP has to copy each "
    "frame into a page of its own first, which a real NIC's driver does not: the floor of native "
    "XDP "
    "shows what of its figure is that.";

pid_t FindKsoftirqd(int cpu) {
  const std::string wanted = absl::StrCat("ksoftirqd/", cpu);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream comm(entry.path() / "comm");
    std::string name;
    pid_t pid = 0;
    if (std::getline(comm, name) && name == wanted &&
        absl::SimpleAtoi(entry.path().filename().string(), &pid)) {
      return pid;
    }
  }
  return 0;
}

struct Flood {
  std::string name;
  size_t contender = 0;
  lab::Bytes frame;
  std::vector<double> ns;
};

lab::Bytes Request(const lab::LabPlan& plan) {
  return lab::ArpRequest(lab::LabPlan::ClientMac(0), plan.ClientAddress(0, AF_INET),
                         plan.NicAddress(0, AF_INET));
}

lab::Bytes Unwanted(lab::Bytes frame) {
  frame[12] = kUnknownEthertype >> 8;
  frame[13] = kUnknownEthertype & 0xff;
  return frame;
}

std::vector<ContenderOptions> AllContenders() {
  lab::LabOptions ignoring;
  ignoring.server_sysctls = {{"net/ipv4/conf/all/arp_ignore", "1"}};
  return {{"plain Linux, arp_ignore = 1", std::nullopt, ignoring},
          {"plain Linux, which answers", std::nullopt, {}},
          {"Stronghost, xdp = native", GroupKeys("follow", "native"), {}},
          {"Stronghost, xdp = generic", GroupKeys("follow", "generic"), {}},
          {"Stronghost, xdp = off", GroupKeys("follow", "off"), {}},
          {kDropper, std::nullopt, {}}};
}

absl::Status SendRounds(std::vector<Contender>& contenders, int rounds, int requests,
                        std::vector<Flood>& floods) {
  std::vector<lab::RawSender> senders;
  for (Contender& contender : contenders) {
    ASSIGN_OR_RETURN(lab::RawSender sender,
                     lab::RawSender::Open(contender.lab().switch_netns(), lab::LabPlan::Port(1)));
    senders.push_back(std::move(sender));
  }
  const pid_t ksoftirqd = FindKsoftirqd(kCpu);
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    for (size_t turn = 0; turn < floods.size(); ++turn) {
      Flood& flood = floods[(turn + static_cast<size_t>(round + 1)) % floods.size()];
      const double begin = ThreadCpuNs() + CpuNsOf(ksoftirqd);
      RETURN_IF_ERROR(senders[flood.contender].Repeat(flood.frame, requests));
      const double spent = ThreadCpuNs() + CpuNsOf(ksoftirqd) - begin;
      if (round >= 0) {
        flood.ns.push_back(spent / requests);
      }
    }
  }
  return absl::OkStatus();
}

void AddRows(const std::vector<Flood>& floods, Report& report) {
  const Flood& peer = floods[kPeer];
  for (const Flood& flood : floods) {
    if (&flood == &peer) {
      continue;
    }
    const std::string figure = absl::StrCat(WithQuartiles(flood.ns, 0), " ns");
    const std::string ignored = absl::StrCat("arp_ignore = 1: ", WithQuartiles(peer.ns, 0), " ns");
    const double ratio = Quantile(Ratios(flood.ns, peer.ns), 0.5);
    if (flood.name.starts_with("Stronghost")) {
      report.rows.push_back(AtMost(flood.name, figure, ignored, ratio, 1));
    } else {
      report.rows.push_back(
          {.what = flood.name, .figure = figure, .peer = ignored, .ratio = ratio});
    }
    Progress(absl::StrFormat("%s: %s, ratio %.2f", flood.name, figure, ratio));
  }
}

absl::Status Run(const BenchOptions& options, Report& report) {
  report.title = "ARP flood on the wrong NIC";
  report.how = kHow;
  ASSIGN_OR_RETURN(std::vector<Contender> contenders, MakeContenders(AllContenders()));
  ASSIGN_OR_RETURN(ControlPrograms controls, ControlPrograms::Load());
  RETURN_IF_ERROR(controls.AttachDropXdp(contenders.back().lab().server(), lab::LabPlan::Nic(1)));
  std::vector<Flood> floods;
  for (size_t i = 0; i < contenders.size(); ++i) {
    floods.push_back({contenders[i].name(), i, Request(contenders[i].lab().plan()), {}});
  }
  floods.push_back({"floor of plain Linux: a frame that nobody receives",
                    kPeer,
                    Unwanted(Request(contenders[kPeer].lab().plan())),
                    {}});
  std::map<size_t, int64_t> before;
  for (size_t i = 0; i < contenders.size(); ++i) {
    if (contenders[i].has_agent()) {
      ASSIGN_OR_RETURN(before[i], contenders[i].Counter("in_suppress"));
    }
  }
  RETURN_IF_ERROR(PinThisThread(kCpu));
  lab::PreferThisThread();
  const int rounds = options.Rounds(51, 7);
  const int requests = options.quick ? 5000 : 20'000;
  RETURN_IF_ERROR(SendRounds(contenders, rounds, requests, floods));
  AddRows(floods, report);
  const int64_t sent = int64_t{rounds + 1} * requests;
  for (const auto& [i, count] : before) {
    ASSIGN_OR_RETURN(const int64_t now, contenders[i].Counter("in_suppress"));
    report.notes.push_back(absl::StrFormat("%s: %d of %d requests counted as suppressed.",
                                           contenders[i].name(), now - count, sent));
    if (static_cast<double>(now - count) < 0.99 * static_cast<double>(sent)) {
      return absl::InternalError(report.notes.back());
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
