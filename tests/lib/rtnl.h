// The little rtnetlink that the lab needs, apart from the agent's own: the tested code must not
// judge itself. The socket is opened beforehand, so that a cable is pulled by one message.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/netns.h"

struct nlmsghdr;

namespace stronghost::lab {

// An interface as the kernel reports it.
struct LinkState {
  int index = 0;
  std::string name;
  MacAddress mac;
  bool admin_up = false;   // IFF_UP
  bool carrier = false;    // IFLA_CARRIER
  bool oper_up = false;    // IFLA_OPERSTATE is up, or unknown as with loopback
  int master = 0;          // index of the bridge it is a port of, else 0
  bool forwarding = true;  // false: a bridge port that doesn't forward (yet)
};

// One rtnetlink socket in a namespace. Move-only; not for use from several threads at once.
class Rtnl {
 public:
  static absl::StatusOr<Rtnl> Open(const NetNs& netns);

  absl::Status SetUp(int index, bool up);
  absl::Status SetMaster(int index, int master);  // 0 takes it out of its bridge
  absl::Status SetMac(int index, const MacAddress& mac);
  absl::Status Delete(int index);

  absl::StatusOr<std::vector<LinkState>> Links();
  absl::StatusOr<LinkState> Link(int index);
  // Number of IPv6 addresses that duplicate address detection has not let go yet.
  absl::StatusOr<int> TentativeAddresses();

 private:
  explicit Rtnl(UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Talk(nlmsghdr* request, int (*callback)(const nlmsghdr*, void*), void* data);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

}  // namespace stronghost::lab
