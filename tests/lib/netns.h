// Network namespaces of a test.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/process.h"

namespace stronghost::lab {

// Puts the calling thread into a network namespace until destruction. Sockets opened and threads
// started meanwhile stay there. Scopes nest. Not for use across threads.
class NetNsScope {
 public:
  static absl::StatusOr<NetNsScope> Enter(int netns_fd);
  NetNsScope(NetNsScope&&) noexcept = default;
  NetNsScope& operator=(NetNsScope&&) = delete;
  ~NetNsScope();  // aborts if the way back fails: the test would go on in the wrong place

 private:
  explicit NetNsScope(UniqueFd previous) : previous_(std::move(previous)) {}
  UniqueFd previous_;
};

// A network namespace with a name under /run/netns ("ip -n NAME ..." works). Move-only; deleted at
// destruction, with everything in it once its last socket and process are gone. The loopback
// interface is up. sysctls below net/ipv4/conf are the kernel's defaults, not the host's.
class NetNs {
 public:
  // Makes a new one. `role` becomes the end of its name.
  static absl::StatusOr<NetNs> Create(absl::string_view role);

  NetNs(NetNs&& other) noexcept;
  NetNs& operator=(NetNs&& other) noexcept;
  ~NetNs();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // What BPF programs and SO_NETNS_COOKIE call this namespace.
  [[nodiscard]] absl::StatusOr<uint64_t> Cookie() const;

  // Calls `function`, which returns absl::Status or absl::StatusOr<T>, on this thread inside the
  // namespace, and returns what it returned.
  template <typename Function>
  std::invoke_result_t<Function> Run(Function&& function) const {
    auto scope = NetNsScope::Enter(fd());
    if (!scope.ok()) {
      return scope.status();
    }
    return std::forward<Function>(function)();
  }

  // Runs a program in it to its end.
  absl::StatusOr<ExecResult> Exec(std::vector<std::string> argv,
                                  absl::Duration timeout = absl::Seconds(20)) const;

  // Like Exec(), but an exit status other than 0 is an error that holds the output. Returns the
  // output.
  absl::StatusOr<std::string> Check(std::vector<std::string> argv,
                                    absl::string_view input = "") const;

  // Runs one `ip` command a line ("addr add ... dev eth0") in one process; the first failure ends
  // it.
  absl::Status IpBatch(absl::string_view commands) const;

  // Reads or writes below /proc/sys; `path` is like "net/ipv4/ip_forward". Trailing blanks are cut.
  absl::StatusOr<std::string> Sysctl(const std::string& path) const;
  absl::Status SetSysctl(const std::string& path, absl::string_view value) const;

  // A socket inside it; close-on-exec is added to `type`.
  absl::StatusOr<UniqueFd> Socket(int domain, int type, int protocol = 0) const;

  // Index of an interface in it. NotFound if there is none.
  absl::StatusOr<int> IfIndex(const std::string& interface) const;

 private:
  NetNs() = default;
  void Delete();

  std::string name_;
  UniqueFd fd_;
};

// Deletes the namespaces of test processes that are dead, after killing the processes that still
// live in them.
void SweepNetNamespaces();

}  // namespace stronghost::lab
