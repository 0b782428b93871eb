// nlohmann-json without its exceptions: every access is checked, a mismatch becomes a Status.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost {

using Json = nlohmann::json;

// How deep objects and arrays may nest; what the agent speaks needs 6.
constexpr int kMaxJsonDepth = 32;

// Parses one JSON value. Text that is no JSON, or nests too deep, is an InvalidArgument error.
absl::StatusOr<Json> ParseJson(absl::string_view text);

// Text of `value`; bytes that are no UTF-8 become U+FFFD. `indent` -1: one line.
std::string JsonText(const Json& value, int indent = -1);

// null for "".
Json NullIfEmpty(const std::string& text);

// Reads the fields of one object. The first mismatch is kept in status() and ends all further
// reading; until then outputs are set only from fields that are there. A missing field is an
// error, except for the methods named Optional: null and absence leave the output alone.
class JsonReader {
 public:
  // `what` names the object in messages ("nics[]").
  JsonReader(const Json& object, absl::string_view what);

  JsonReader& Get(const char* key, std::string* out);
  JsonReader& Optional(const char* key, std::string* out);
  JsonReader& Optional(const char* key, bool* out);
  JsonReader& Optional(const char* key, uint64_t* out);
  JsonReader& Optional(const char* key, int64_t* out);
  JsonReader& Optional(const char* key, std::vector<std::string>* out);

  // The array or object under `key`, or null (never owned) when it is not there or of another
  // type; the latter is an error.
  const Json* Array(const char* key);
  const Json* Object(const char* key);

  void Fail(absl::string_view key, absl::string_view expected);
  [[nodiscard]] const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* key);

  const Json& object_;
  std::string what_;
  absl::Status status_;
};

}  // namespace stronghost
