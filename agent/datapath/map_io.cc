#include "agent/datapath/map_io.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr int kErrnoNotSupported = 524;  // the kernel's ENOTSUPP, which <cerrno> does not know
constexpr size_t kReadBatch = 4096;

// What the kernel answers to a batch call that the map type does not have.
bool NoBatch(int error) {
  return error == EINVAL || error == kErrnoNotSupported || error == EOPNOTSUPP;
}

const std::byte* At(const void* array, size_t index, size_t size) {
  return static_cast<const std::byte*>(array) + index * size;
}

absl::Status PutError(const MapView& map, int error, size_t done, size_t count) {
  return ErrnoError(error,
                    absl::StrCat("put element ", done + 1, " of ", count, " into ", map.name,
                                 error == E2BIG || error == ENOSPC ? " (the map is full)" : ""));
}

absl::Status DeleteError(const MapView& map, int error) {
  return ErrnoError(error, absl::StrCat("delete from ", map.name));
}

// Batch look-up from the start. `unsupported` is set when the kernel has none.
absl::Status ReadByBatch(const MapView& map, std::vector<std::byte>* keys,
                         std::vector<std::byte>* values, bool* unsupported) {
  // A position is a bucket number (hash) or a key (other types).
  std::array<std::byte, 64> from{};
  std::array<std::byte, 64> to{};
  std::vector<std::byte> some_keys;
  std::vector<std::byte> some_values;
  size_t room = kReadBatch;
  bool first = true;
  for (;;) {
    some_keys.resize(room * map.key_size);
    some_values.resize(room * map.value_size);
    auto count = static_cast<uint32_t>(room);
    const int failed = bpf_map_lookup_batch(map.fd, first ? nullptr : from.data(), to.data(),
                                            some_keys.data(), some_values.data(), &count, nullptr);
    const int error = failed == 0 ? 0 : errno;
    if (error == ENOSPC) {  // one bucket of the hash holds more than fits
      room *= 2;
      continue;
    }
    if (first && NoBatch(error)) {
      *unsupported = true;
      return absl::OkStatus();
    }
    if (error != 0 && error != ENOENT) {
      return ErrnoError(error, absl::StrCat("read ", map.name));
    }
    keys->insert(keys->end(), some_keys.data(), some_keys.data() + count * map.key_size);
    values->insert(values->end(), some_values.data(), some_values.data() + count * map.value_size);
    if (error == ENOENT) {
      return absl::OkStatus();
    }
    from = to;
    first = false;
  }
}

absl::Status ReadOneByOne(const MapView& map, std::vector<std::byte>* keys,
                          std::vector<std::byte>* values) {
  std::vector<std::byte> key(map.key_size);
  std::vector<std::byte> next(map.key_size);
  std::vector<std::byte> value(map.value_size);
  const void* position = nullptr;
  while (bpf_map_get_next_key(map.fd, position, next.data()) == 0) {
    key = next;
    position = key.data();
    if (bpf_map_lookup_elem(map.fd, key.data(), value.data()) != 0) {
      return ErrnoError(errno, absl::StrCat("read ", map.name));
    }
    keys->insert(keys->end(), key.begin(), key.end());
    values->insert(values->end(), value.begin(), value.end());
  }
  return errno == ENOENT ? absl::OkStatus()
                         : ErrnoError(errno, absl::StrCat("walk through ", map.name));
}

}  // namespace

absl::Status PutElements(const MapView& map, const void* keys, const void* values, size_t count) {
  if (count == 0) {
    return absl::OkStatus();
  }
  auto done = static_cast<uint32_t>(count);
  if (bpf_map_update_batch(map.fd, keys, values, &done, nullptr) == 0) {
    return absl::OkStatus();
  }
  if (!NoBatch(errno)) {
    return PutError(map, errno, done, count);
  }
  for (size_t i = 0; i < count; ++i) {
    if (bpf_map_update_elem(map.fd, At(keys, i, map.key_size), At(values, i, map.value_size),
                            BPF_ANY) != 0) {
      return PutError(map, errno, i, count);
    }
  }
  return absl::OkStatus();
}

absl::Status DeleteElements(const MapView& map, const void* keys, size_t count) {
  size_t done = 0;
  bool batch = true;
  while (done < count && batch) {
    auto some = static_cast<uint32_t>(count - done);
    if (bpf_map_delete_batch(map.fd, At(keys, done, map.key_size), &some, nullptr) == 0) {
      return absl::OkStatus();
    }
    if (errno == ENOENT) {
      done += some + 1;  // the batch stops at the first key that is absent
    } else if (NoBatch(errno)) {
      batch = false;
    } else {
      return DeleteError(map, errno);
    }
  }
  for (; done < count; ++done) {
    if (bpf_map_delete_elem(map.fd, At(keys, done, map.key_size)) != 0 && errno != ENOENT) {
      return DeleteError(map, errno);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadElements(const MapView& map, std::vector<std::byte>* keys,
                          std::vector<std::byte>* values) {
  bool unsupported = false;
  RETURN_IF_ERROR(ReadByBatch(map, keys, values, &unsupported));
  return unsupported ? ReadOneByOne(map, keys, values) : absl::OkStatus();
}

}  // namespace stronghost
