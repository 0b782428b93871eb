// What the datapath tests share: a network namespace with a veth pair, a pin folder of their own,
// and programs of a stranger.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/datapath/datapath.h"
#include "agent/datapath/tcx.h"
#include "tests/lib/bpffs.h"
#include "tests/lib/netns.h"

// At the head of a test about tcx itself; what clsact does instead has tests of its own.
#define SKIP_WITHOUT_TCX()                                \
  if (!TcxSupported()) {                                  \
    GTEST_SKIP() << "this kernel has no tcx (Linux 6.6)"; \
  }                                                       \
  static_assert(true)

namespace stronghost::packet {

// A program on a hook: by link id (0 where the hook has none) and program.
struct OnHook {
  uint32_t link_id = 0;
  uint32_t program_id = 0;
  std::string name;
};

// bpf_attach_type of the tcx hooks, which the headers of Debian 12 do not have.
constexpr int kTcxIngress = 46;
constexpr int kTcxEgress = 47;

// A loaded program of nobody we know, which lets everything pass.
UniqueFd StrangersProgram(bool xdp);
uint32_t IdOf(int program_fd);

class DatapathTest : public testing::Test {
 protected:
  void SetUp() override;

  // Opens the datapath on the test's own pin folder.
  absl::StatusOr<std::unique_ptr<Datapath>> Open(TcMode tc = TcMode::kAuto) const;
  std::unique_ptr<Datapath> OpenOrDie(TcMode tc = TcMode::kAuto) const;

  [[nodiscard]] const std::string& pin_dir() const { return pins_->path(); }
  // The kernel's id of a pinned map.
  [[nodiscard]] uint32_t PinnedMapId(const std::string& name) const;
  // Whether sh_homes of another layout is pinned still.
  [[nodiscard]] bool HasMapsBefore() const;
  // Makes the pinned maps those of another version of stronghost.
  void StampOtherLayout() const;
  // A path under the pin folder.
  [[nodiscard]] std::string Pin(const std::string& name) const;
  [[nodiscard]] bool PinFolderExists() const;
  [[nodiscard]] NicRequest Nic(XdpMode xdp = XdpMode::kOff) const;
  [[nodiscard]] IfIndex link() const { return link_; }
  [[nodiscard]] int ifindex() const { return static_cast<int>(ToInt(link_)); }

  // Runs a command in the namespace; its output.
  std::string Run(const std::vector<std::string>& argv) const;

  // The ways to attach to tc that this kernel has.
  [[nodiscard]] static std::vector<TcMode> TcModes();

  // What the kernel says is on the NIC; none where it has no tcx.
  [[nodiscard]] std::vector<OnHook> Tcx(int attach_type) const;
  [[nodiscard]] std::vector<uint32_t> TcxPrograms(int attach_type) const;
  [[nodiscard]] uint32_t XdpProgram(XdpKind kind) const;
  // The link pinned as links/IFINDEX-<suffix>.
  [[nodiscard]] std::optional<OnHook> PinnedLink(const std::string& suffix) const;
  // "tc filter" of a direction: program ids of the bpf filters, in order.
  [[nodiscard]] std::vector<uint32_t> ClsactPrograms(const std::string& direction) const;
  [[nodiscard]] std::string Qdiscs() const;
  // Entry of sh_nics.
  [[nodiscard]] std::optional<sh_nic> NicEntry() const;

  // Homes 1 and 2 on h0 and its peer, some addresses and prefixes.
  [[nodiscard]] DatapathState SmallState() const;

  std::optional<lab::NetNs> netns_;
  std::optional<lab::NetNsScope> inside_;
  std::optional<lab::PinFolder> pins_;
  IfIndex link_ = IfIndex::kNone;
};

}  // namespace stronghost::packet
