// An array map as memory: read and written without a system call.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/base/net_types.h"
#include "agent/base/status.h"
#include "maps/types.h"

namespace stronghost {

// Of a BPF_F_MMAPABLE array with one T a home (SH_HOMES_MAX). Owns the mapping, not the map.
// Move-only.
template <class T>
class MappedArray {
  // The kernel rounds elements up to 8 bytes; they lie side by side only so.
  static_assert(sizeof(T) % 8 == 0);

 public:
  // `map_fd` may be closed afterwards; `name` is for the error.
  static absl::StatusOr<MappedArray> Map(int map_fd, const std::string& name) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t length = (sizeof(T) * SH_HOMES_MAX + page - 1) / page * page;
    void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (memory == MAP_FAILED) {
      return ErrnoError(errno, absl::StrCat("map ", name, " into memory"));
    }
    return MappedArray(static_cast<T*>(memory), length);
  }
  MappedArray(MappedArray&& other) noexcept
      : elements_(std::exchange(other.elements_, nullptr)), length_(other.length_) {}
  MappedArray& operator=(MappedArray&&) = delete;
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() {
    if (elements_ != nullptr) {
      munmap(elements_, length_);
    }
  }

  // nullptr for kNone, whose slot is no home, and for an index out of range.
  [[nodiscard]] T* Slot(HomeIndex home) const {
    return home == HomeIndex::kNone || ToInt(home) >= SH_HOMES_MAX ? nullptr
                                                                   : elements_ + ToInt(home);
  }
  // Slot 0.
  [[nodiscard]] T& Globals() const { return *elements_; }

 private:
  MappedArray(T* elements, size_t length) : elements_(elements), length_(length) {}

  T* elements_;
  size_t length_;
};

}  // namespace stronghost
