// Many elements of a BPF map at once. The batch calls (Linux 5.6; for some map types later) take
// one system call for all; where the kernel has none, elements go one by one.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace stronghost {

// A hash or LPM trie, untyped. The descriptor is borrowed from the loaded object.
struct MapView {
  int fd = -1;
  const char* name = "";  // for messages
  size_t key_size = 0;
  size_t value_size = 0;
};

// Puts `count` elements from two parallel arrays. On error those before the failing one are in.
absl::Status PutElements(const MapView& map, const void* keys, const void* values, size_t count);

// Deletes; keys that are absent count as deleted.
absl::Status DeleteElements(const MapView& map, const void* keys, size_t count);

// Appends all elements to `keys` and `values`, as raw bytes one after the other. Nobody but the
// caller may add or delete meanwhile.
absl::Status ReadElements(const MapView& map, std::vector<std::byte>* keys,
                          std::vector<std::byte>* values);

// The same for one pair of types. Key and Value are the structs of maps/*.h.
template <typename Key, typename Value>
class TypedMap {
 public:
  TypedMap(int fd, const char* name) : view_{fd, name, sizeof(Key), sizeof(Value)} {}

  absl::Status Put(absl::Span<const Key> keys, absl::Span<const Value> values) const {
    return PutElements(view_, keys.data(), values.data(), keys.size());
  }
  absl::Status Delete(absl::Span<const Key> keys) const {
    return DeleteElements(view_, keys.data(), keys.size());
  }
  [[nodiscard]] absl::StatusOr<std::vector<std::pair<Key, Value>>> ReadAll() const {
    std::vector<std::byte> keys;
    std::vector<std::byte> values;
    if (absl::Status status = ReadElements(view_, &keys, &values); !status.ok()) {
      return status;
    }
    std::vector<std::pair<Key, Value>> elements(keys.size() / sizeof(Key));
    for (size_t i = 0; i < elements.size(); ++i) {
      std::memcpy(&elements[i].first, keys.data() + i * sizeof(Key), sizeof(Key));
      std::memcpy(&elements[i].second, values.data() + i * sizeof(Value), sizeof(Value));
    }
    return elements;
  }

 private:
  MapView view_;
};

}  // namespace stronghost
