// The JSON of `status --json` and `explain --json`, which is also what the varlink methods Status
// and Explain return. The keys are the outside contract; agent/serve/interface.cc defines them.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "agent/serve/json.h"
#include "agent/serve/report.h"

namespace stronghost {

Json StatusToJson(const StatusReport& report);
Json ExplainToJson(const ExplainReport& report);

// The other way round, for the command line. Keys that are not known are ignored; what the
// contract promises and is not there, or is of another type, is an InvalidArgument error. The
// stand-ins are not read: they follow from the addresses.
absl::StatusOr<StatusReport> StatusFromJson(const Json& json);
absl::StatusOr<ExplainReport> ExplainFromJson(const Json& json);

// A status in pieces, so that ten thousand addresses don't hold up the event loop: first all but
// the addresses, then addresses only, `chunk` at a time and under their group's name.
class StatusPieces {
 public:
  explicit StatusPieces(StatusReport report, size_t chunk = 500);

  // The next piece; not to be called when done().
  Json Next();
  [[nodiscard]] bool done() const { return !head_due_ && group_ == report_.groups.size(); }

 private:
  void SkipFinishedGroups();

  StatusReport report_;
  size_t chunk_;
  bool head_due_ = true;
  size_t group_ = 0;  // next group and, in it, next address to send
  size_t address_ = 0;
};

// Adds `piece` to `report`: the addresses of groups that are there already, all else as it is.
void MergeStatus(StatusReport piece, StatusReport* report);

}  // namespace stronghost
