// A folder for BPF pins of a test's own.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost::lab {

// A name below /sys/fs/bpf. Move-only; at destruction it is removed with all that is in it. bpffs
// is mounted there if it isn't yet, as systemd does, and then stays mounted.
class PinFolder {
 public:
  // `make`: whether the folder itself is made; without it only the name is reserved, for a program
  // that makes its pin folder itself.
  static absl::StatusOr<PinFolder> Create(absl::string_view role, bool make = true);

  PinFolder(PinFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  PinFolder& operator=(PinFolder&&) = delete;
  ~PinFolder();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PinFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Removes the pin folders of test processes that are dead.
void SweepPinFolders();

}  // namespace stronghost::lab
