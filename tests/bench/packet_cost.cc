// What the programs cost per packet, beside an empty program of the same type in the same run.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/figures.h"
#include "tests/bench/packet_cases.h"
#include "tests/bench/packet_world.h"
#include "tests/bench/shim_runner.h"

namespace stronghost::bench {
namespace {

constexpr double kGrowthLimit = 1.5;
constexpr double kRedirectLimitNs = 59;

constexpr char kHow[] =
    "CPU time of one packet by `BPF_PROG_TEST_RUN`, in ns, each beside an empty program in the "
    "same round; median of the rounds. A shim runs first, in all of them: it puts back MACs and "
    "mark, so that each of the repetitions goes the way of the first meeting (the verdict counters "
    "are checked: all repetitions ended in the verdict named), and writes the address to look for. "
    "*Net* is what the program costs more than the empty one behind the same shim; *gross* is net "
    "and what the empty one costs alone, without the shim, kernel's loop included. \"One key\": "
    "every packet asks for the same address; \"varied\": each packet for another one at random, so "
    "that a table larger than the caches costs its cache misses.";

// One size of the table, and how it is asked.
struct Variant {
  const char* name;
  size_t programs;  // which instance
  uint32_t keys;    // addresses asked for
};
constexpr uint32_t kSizes[] = {1, 1000, 100'000};
constexpr Variant kVariants[] = {{"1", 0, 1},
                                 {"1,000 varied", 1, 1000},
                                 {"100,000 one key", 2, 1},
                                 {"100,000 varied", 2, 100'000}};
constexpr size_t kOne = 0;
constexpr size_t kManyOneKey = 2;
constexpr size_t kManyVaried = 3;

uint32_t Slot(size_t instance, packet::Program program) {
  return ShimRunner::kFirstFreeSlot + 2 * static_cast<uint32_t>(instance) +
         (program == packet::Program::kDeliver ? 1 : 0);
}

Hook HookOf(packet::Program program) {
  return program == packet::Program::kGuard ? Hook::kXdp : Hook::kTc;
}

// What was measured of one case, round by round.
struct Series {
  std::vector<double> alone;  // the empty program without the shim
  std::vector<double> empty;  // ... and behind it
  std::vector<double> variants[std::size(kVariants)];
};

class Bench {
 public:
  Bench(const PacketNics& nics, ShimRunner& shim, std::vector<packet::Programs>& programs,
        uint32_t repeat)
      : nics_(nics), shim_(shim), programs_(programs), repeat_(repeat) {}

  absl::Status Measure(const PacketCase& test, int rounds, Report& report) {
    for (packet::Programs& programs : programs_) {
      RETURN_IF_ERROR(SetMapState(programs, nics_, test.maps));
    }
    Series series;
    for (int round = -1; round < rounds; ++round) {  // the first one warms up
      ASSIGN_OR_RETURN(const Batch alone, shim_.RunEmptyAlone(HookOf(test.program), test.ifindex,
                                                              test.frame, repeat_));
      ASSIGN_OR_RETURN(const double empty, RunIdle(test, ShimRunner::kEmptySlot));
      if (round >= 0) {
        series.alone.push_back(alone.ns);
        series.empty.push_back(empty);
      }
      for (size_t i = 0; i < std::size(kVariants); ++i) {
        ASSIGN_OR_RETURN(const double ns, RunVariant(test, kVariants[i]));
        if (round >= 0) {
          series.variants[i].push_back(ns);
        }
      }
    }
    AddToReport(test, series, report);
    return absl::OkStatus();
  }

  // What a cache miss costs here: one read at random in 16 MiB.
  absl::Status MeasureMemory(const PacketCase& test, int rounds, Report& report) {
    std::vector<double> net;
    for (int round = -1; round < rounds; ++round) {
      ASSIGN_OR_RETURN(const double empty, RunIdle(test, ShimRunner::kEmptySlot));
      ASSIGN_OR_RETURN(const double memory, RunIdle(test, ShimRunner::kMemorySlot));
      if (round >= 0) {
        net.push_back(memory - empty);
      }
    }
    report.rows.push_back({.what = "control: no program of ours, one read at random in 16 MiB",
                           .figure = absl::StrCat(WithQuartiles(net, 1), " ns net")});
    return absl::OkStatus();
  }

 private:
  bench_setting Setting(const PacketCase& test, uint32_t slot, uint32_t keys) const {
    bench_setting setting{};
    setting.slot = slot;
    setting.address_at = test.address_at;
    // An unmanaged source lies before the managed ones.
    const bool unmanaged = test.counted == packet::Count{SH_HOME_NONE, SH_NOT_MANAGED};
    setting.first = unmanaged ? kFirstAddress - kMostAddresses : kFirstAddress;
    setting.keys = keys;
    if (test.mark.has_value()) {
      setting.mark[0] = test.mark->magic;
      setting.mark[1] = ~test.mark->magic;
      setting.mark[2] = test.mark->home;
      setting.mark[3] = test.mark->hops;
    }
    std::copy_n(test.frame.begin(), sizeof(setting.macs), setting.macs);
    return setting;
  }

  // A program that lets everything pass, on varied frames.
  absl::StatusOr<double> RunIdle(const PacketCase& test, uint32_t slot) {
    const Hook hook = HookOf(test.program);
    ASSIGN_OR_RETURN(const Batch batch, shim_.Run(hook, Setting(test, slot, kSizes[2]),
                                                  test.ifindex, test.frame, repeat_));
    const int wanted = hook == Hook::kXdp ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC;
    if (batch.action != wanted) {
      return absl::InternalError(absl::StrCat("an empty program returned ", batch.action));
    }
    return batch.ns;
  }

  absl::StatusOr<double> RunVariant(const PacketCase& test, const Variant& variant) {
    const packet::Programs& programs = programs_[variant.programs];
    const uint64_t before = test.counted.has_value() ? programs.Packets(*test.counted) : 0;
    ASSIGN_OR_RETURN(const Batch batch,
                     shim_.Run(HookOf(test.program),
                               Setting(test, Slot(variant.programs, test.program), variant.keys),
                               test.ifindex, test.frame, repeat_));
    const uint64_t counted =
        test.counted.has_value() ? programs.Packets(*test.counted) - before : repeat_;
    if (batch.action != test.action || counted != repeat_) {
      return absl::InternalError(absl::StrCat(test.name, ": returned ", batch.action, " and not ",
                                              test.action, ", or another verdict: counted ",
                                              counted, " of ", repeat_));
    }
    return batch.ns;
  }

  static void AddToReport(const PacketCase& test, const Series& series, Report& report) {
    const double alone = Quantile(series.alone, 0.5);
    std::vector<std::string> line = {test.name, absl::StrFormat("%.1f", alone)};
    double net[std::size(kVariants)];
    for (size_t i = 0; i < std::size(kVariants); ++i) {
      const std::vector<double> differences = Differences(series.variants[i], series.empty);
      net[i] = Quantile(differences, 0.5);
      line.push_back(WithQuartiles(differences, 1));
    }
    const double gross = net[kOne] + alone;
    line.push_back(absl::StrFormat("%.1f", gross));
    report.details.lines.push_back(line);
    Progress(absl::StrCat(test.name, ": net ", line[2]));

    if (test.redirects) {
      report.rows.push_back({.what = absl::StrCat(test.name, ", 1 address"),
                             .figure = absl::StrFormat("%.1f ns gross, %.1f net", gross, net[kOne]),
                             .peer = absl::StrFormat("empty program %.1f ns gross", alone),
                             .ratio = gross / alone,
                             .goal = absl::StrFormat("below %.0f ns gross", kRedirectLimitNs),
                             .met = gross < kRedirectLimitNs});
    }
    for (const size_t many : {kManyOneKey, kManyVaried}) {
      report.rows.push_back(AtMost(absl::StrCat(test.name, ", ", kVariants[many].name),
                                   absl::StrFormat("%.1f ns net", net[many]),
                                   absl::StrFormat("1 address %.1f ns net", net[kOne]),
                                   net[many] / net[kOne], kGrowthLimit));
    }
  }

  const PacketNics& nics_;
  ShimRunner& shim_;
  std::vector<packet::Programs>& programs_;
  const uint32_t repeat_;
};

absl::Status Run(const BenchOptions& options, Report& report) {
  report.title = "Cost per packet";
  report.how = kHow;
  report.details.head = {"ns per packet", "empty program"};
  for (const Variant& variant : kVariants) {
    report.details.head.push_back(absl::StrCat(variant.name, ", net"));
  }
  report.details.head.emplace_back("1, gross");
  RETURN_IF_ERROR(PinThisThread(1));
  ASSIGN_OR_RETURN(const auto nics, PacketNics::Make());
  ASSIGN_OR_RETURN(ShimRunner shim, ShimRunner::Load());
  std::vector<packet::Programs> programs;
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    ASSIGN_OR_RETURN(packet::Programs loaded, LoadPrograms(*nics, kSizes[i]));
    programs.push_back(std::move(loaded));
    for (const packet::Program program : packet::kAllPrograms) {
      RETURN_IF_ERROR(
          shim.SetProgram(HookOf(program), Slot(i, program), programs.back().ProgramFd(program)));
    }
  }
  Bench bench(*nics, shim, programs, options.quick ? 20'000 : 200'000);
  const std::vector<PacketCase> cases = AllPacketCases(*nics);
  RETURN_IF_ERROR(bench.MeasureMemory(cases.front(), options.Rounds(21, 5), report));
  for (const PacketCase& test : cases) {
    RETURN_IF_ERROR(bench.Measure(test, options.Rounds(21, 5), report));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
