// How much the kernel's verifier has to walk to accept each program. A program that grows past its
// budget here would one day be refused on an older kernel (the limit is 1,000,000 instructions).
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <iostream>

#include "tests/lib/gtest_status.h"
#include "tests/packet/program_fixture.h"

namespace stronghost::packet {
namespace {

struct Walk {
  uint32_t verified = 0;    // instructions walked by the verifier, all paths
  uint32_t translated = 0;  // instructions of the program as the kernel runs it
};

Walk WalkOf(int program_fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(program_fd, &info, &size), 0);
  return {info.verified_insns, static_cast<uint32_t>(info.xlated_prog_len / sizeof(bpf_insn))};
}

// One and a half times to thrice what Linux 6.1 and 6.18 counted when the budget was set. Raise it
// knowingly.
struct Budget {
  Program program;
  uint32_t verified;
  uint32_t translated;
};
constexpr Budget kBudgets[] = {
    {Program::kSteer, 30000, 3700},
    {Program::kDeliver, 250000, 3300},
    {Program::kGuard, 215000, 1950},
};

TEST(VerifierBudgetTest, EveryProgramStaysWithinItsBudget) {
  for (const bool can_read_carrier : {true, false}) {
    const auto programs = Programs::Load(can_read_carrier);
    ASSERT_OK(programs);
    for (const Budget& budget : kBudgets) {
      const auto [verified, translated] = WalkOf(programs->ProgramFd(budget.program));
      std::cout << budget.program << (can_read_carrier ? "" : ", carrier not readable") << ": "
                << verified << " instructions verified (budget " << budget.verified << "), "
                << translated << " translated (budget " << budget.translated << ")\n";
      EXPECT_GT(verified, 0U);
      EXPECT_LE(verified, budget.verified) << budget.program;
      EXPECT_LE(translated, budget.translated) << budget.program;
    }
  }
}

struct SocketBudget {
  const char* program;
  uint32_t verified;
  uint32_t translated;
};
constexpr SocketBudget kSocketBudgets[] = {
    {"sh_note_asked", 1000, 500},     {"sh_reply_from4", 4500, 1500},
    {"sh_reply_from6", 4500, 1500},   {"sh_connect_from4", 4500, 1500},
    {"sh_connect_from6", 4500, 1500},
};

TEST(VerifierBudgetTest, SoDoesEveryProgramOnSockets) {
  const auto programs = Programs::Load(/*can_read_carrier=*/true);
  ASSERT_OK(programs);
  for (const SocketBudget& budget : kSocketBudgets) {
    const auto [verified, translated] = WalkOf(programs->SocketProgramFd(budget.program));
    std::cout << budget.program << ": " << verified << " instructions verified (budget "
              << budget.verified << "), " << translated << " translated (budget "
              << budget.translated << ")\n";
    EXPECT_GT(verified, 0U);
    EXPECT_LE(verified, budget.verified) << budget.program;
    EXPECT_LE(translated, budget.translated) << budget.program;
  }
}

}  // namespace
}  // namespace stronghost::packet
