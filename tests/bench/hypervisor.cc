#include "tests/bench/hypervisor.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::bench {
namespace {

constexpr char kPort[] = "/run/vm/qmp";

}  // namespace

absl::StatusOr<Hypervisor> Hypervisor::Open() {
  UniqueFd port(open(kPort, O_RDWR | O_CLOEXEC));
  if (!port.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", kPort, "; run this by tests/vm/run"));
  }
  Hypervisor hypervisor(std::move(port));
  // Refused from the second time on, when it isn't needed.
  RETURN_IF_ERROR(hypervisor.Ask("qmp_capabilities", "").status());
  return hypervisor;
}

absl::Status Hypervisor::SetLink(absl::string_view id, bool up) {
  const std::string arguments =
      absl::StrCat("\"name\": \"", id, "\", \"up\": ", up ? "true" : "false");
  ASSIGN_OR_RETURN(const std::string answer, Ask("set_link", arguments));
  return absl::StrContains(answer, "\"error\"")
             ? absl::InternalError(absl::StrCat("set_link ", arguments, ": ", answer))
             : absl::OkStatus();
}

// The line with the answer. Events and QEMU's greeting are passed over.
absl::StatusOr<std::string> Hypervisor::Ask(absl::string_view command,
                                            absl::string_view arguments) {
  const std::string request =
      absl::StrCat("{\"execute\": \"", command, "\", \"arguments\": {", arguments, "}}\n");
  if (write(port_.get(), request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
    return ErrnoError(errno, absl::StrCat("write to ", kPort));
  }
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t count = read(port_.get(), part.data(), part.size());
    if (count <= 0) {
      return ErrnoError(count < 0 ? errno : EPIPE, absl::StrCat("read ", kPort));
    }
    text.append(part.data(), static_cast<size_t>(count));
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      if (absl::StrContains(line, "\"return\"") || absl::StrContains(line, "\"error\"")) {
        return line;
      }
    }
  }
}

}  // namespace stronghost::bench
