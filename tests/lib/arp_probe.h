// Who answers for an address? Asks by ARP or neighbour discovery and notes every answer, with the
// switch port that it came through.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/lab.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {

// Where an answer came from.
struct Answer {
  MacAddress mac;           // that the answer names: ARP sender, or target link-layer address
  MacAddress frame_source;  // Ethernet source of the answer
  std::string port;         // switch port: "p0", "pg0" ...

  auto operator<=>(const Answer&) const = default;
};

// Sums up many questions.
struct AnswerCounts {
  int asked = 0;
  int unanswered = 0;  // questions without any answer in time
  int answered_more_than_once = 0;
  std::map<Answer, int> answers;

  [[nodiscard]] std::string ToString() const;
};

// Listens on all switch ports of the client's segment but the client's own. Move-only; not for use
// from several threads at once.
class ArpProbe {
 public:
  struct Options {
    int client = 0;  // who asks
    // How long the first answer may take.
    absl::Duration deadline = absl::Milliseconds(500);
    // How long Ask() listens after the last answer for one more.
    absl::Duration drain = absl::Milliseconds(20);
    // The same for AskMany(). An answer within the machine takes some 50 us; what comes later is
    // still counted for its question.
    absl::Duration drain_of_many = absl::Milliseconds(1);
    // Where solicitations and requests come from; "::": the client's address in the family asked
    // for.
    IpAddress sender = IpAddress();
  };

  static absl::StatusOr<ArpProbe> Open(Lab& lab, const Options& options);
  static absl::StatusOr<ArpProbe> Open(Lab& lab) { return Open(lab, Options()); }

  // Asks once for `target`, by broadcast ARP or multicast solicitation. The answers, in order of
  // arrival; none is not an error.
  absl::StatusOr<std::vector<Answer>> Ask(const IpAddress& target);

  // Asks `count` times, each time after the answers to the one before. Ends with a longer drain.
  absl::StatusOr<AnswerCounts> AskMany(const IpAddress& target, int count);

 private:
  struct Listener {
    std::string port;
    UniqueFd fd;
  };

  ArpProbe(RawSender sender, Options options) : sender_(std::move(sender)), options_(options) {}
  absl::Status Send(const IpAddress& target);
  // Appends the answers that have come; waits up to `deadline` for the first and `drain` for more.
  absl::Status Collect(const IpAddress& target, absl::Duration deadline, absl::Duration drain,
                       std::vector<Answer>& answers);

  RawSender sender_;
  Options options_;
  MacAddress client_mac_;
  IpAddress client_v4_;
  IpAddress client_v6_;
  std::vector<Listener> listeners_;
};

}  // namespace stronghost::lab
