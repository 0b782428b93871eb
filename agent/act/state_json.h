// Parts of the state file as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/status/statusor.h"
#include "agent/base/status.h"
#include "agent/decide/inventory.h"

namespace stronghost {

using Json = nlohmann::json;

// The decoders throw std::exception at what they don't understand, as nlohmann-json does itself.
uint32_t DecodeNumber(const Json& json);

template <typename T>
T Decoded(absl::StatusOr<T> value) {
  if (!value.ok()) {
    throw std::invalid_argument(Message(value.status()));
  }
  return *std::move(value);
}

// Addresses that differ in nothing else stand in one list: thousands are written in milliseconds.
Json EncodeInventory(const Inventory& inventory);
Inventory DecodeInventory(const Json& json);

}  // namespace stronghost
