// Where the scenes play: a fresh lab, with or without the real agent on its server.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/agent.h"
#include "tests/lib/lab.h"

namespace stronghost::demo {

// Move-only. The agent goes before the lab.
class Stage {
 public:
  static absl::StatusOr<Stage> Build(bool with_agent);

  [[nodiscard]] lab::Lab& lab() { return *lab_; }
  [[nodiscard]] const lab::LabPlan& plan() const { return lab_->plan(); }
  [[nodiscard]] const lab::Agent* agent() const { return agent_ ? &*agent_ : nullptr; }

 private:
  explicit Stage(std::unique_ptr<lab::Lab> lab) : lab_(std::move(lab)) {}
  absl::Status StartAgent();

  std::unique_ptr<lab::Lab> lab_;
  std::optional<lab::Agent> agent_;
};

}  // namespace stronghost::demo
