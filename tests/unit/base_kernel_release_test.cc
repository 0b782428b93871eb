#include "agent/base/kernel_release.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/base/status.h"

namespace stronghost {
namespace {

TEST(KernelRelease, IsReadAsDistributionsWriteIt) {
  const std::vector<std::pair<std::string, KernelVersion>> rows = {
      {"6.1.0-28-amd64", {6, 1}},
      {"5.10.0-46-cloud-amd64", {5, 10}},
      {"6.12.95+deb13-amd64", {6, 12}},
      {"7.3-rc1", {7, 3}},
      {"5.14.0-503.el9.x86_64", {5, 14}},
      {"6.18", {6, 18}},
      {"plan9", {0, 0}},
      {"", {0, 0}},
  };
  for (const auto& [release, version] : rows) {
    EXPECT_EQ(KernelVersionOf(release), version) << release;
  }
}

TEST(KernelRelease, OlderThanTheOldestThatWasTriedIsRefusedByName) {
  for (const std::string release : {"6.1.0-28-amd64", "6.12.95", "7.3.4", "plan9"}) {
    EXPECT_TRUE(CheckKernelRelease(release).ok()) << release;
  }
  EXPECT_EQ(Message(CheckKernelRelease("5.10.0-46-amd64")),
            "Linux 5.10.0-46-amd64 is too old: it has no compare-and-swap in BPF, which came with "
            "5.12; use Linux 6.1 or later");
  EXPECT_EQ(Message(CheckKernelRelease("6.0.19")),
            "Linux 6.0.19 is too old: nothing before 6.1 was tried; use Linux 6.1 or later");
}

}  // namespace
}  // namespace stronghost
