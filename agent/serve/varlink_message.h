// Messages of the varlink protocol (varlink.org/Method-Call), without any I/O: one JSON object
// each, ended by a NUL byte.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/serve/json.h"

namespace stronghost {

// A call is small; one that is larger is no call, and its sender is hung up on.
constexpr size_t kMaxVarlinkCall = size_t{1} << 20;
// A status with 262,144 addresses, all that the maps hold, is some 35 MB.
constexpr size_t kMaxVarlinkReply = size_t{256} << 20;

// Cuts a byte stream into messages.
class VarlinkFramer {
 public:
  explicit VarlinkFramer(size_t max_message) : max_message_(max_message) {}

  // ResourceExhausted when a message exceeds the limit; the stream can't be trusted after that.
  absl::Status Append(absl::string_view bytes);

  // The oldest message that is complete, without its NUL.
  std::optional<std::string> Next();

  [[nodiscard]] bool HasMessage() const { return end_ != std::string::npos; }
  // Bytes of messages that Next() has not given out.
  [[nodiscard]] size_t buffered() const { return buffer_.size() - begin_; }

 private:
  void FindEnd();

  size_t max_message_;
  std::string buffer_;
  size_t begin_ = 0;                // start of the oldest message
  size_t scanned_ = 0;              // no NUL in [begin_, scanned_)
  size_t end_ = std::string::npos;  // its NUL
};

struct VarlinkCall {
  std::string method;  // "io.stronghost.Agent.Status"
  Json parameters = Json::object();
  bool oneway = false;   // no reply, not even an error
  bool more = false;     // several replies are welcome
  bool upgrade = false;  // wants another protocol on this connection
};

struct VarlinkReply {
  Json parameters = Json::object();
  std::string error;       // "": none
  bool continues = false;  // further replies to the same call follow
};

// A message that is no call (no JSON object, no method, flags that are no booleans) is an
// InvalidArgument error: there is nobody to answer. Absent and null parameters read as {}; other
// values are kept as they are, for the service to refuse.
absl::StatusOr<VarlinkCall> ParseVarlinkCall(absl::string_view message);
absl::StatusOr<VarlinkReply> ParseVarlinkReply(absl::string_view message);

// With the NUL. Flags that are false and parameters that are {} are left out.
std::string EncodeVarlinkCall(const VarlinkCall& call);
std::string EncodeVarlinkReply(const VarlinkReply& reply);

}  // namespace stronghost
