// Labs that are alike but for Stronghost, all up at once, so that rounds alternate between them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/agent.h"
#include "tests/lib/lab.h"

namespace stronghost::bench {

struct ContenderOptions {
  std::string name;
  // Keys of the group, as in stronghost.toml; none: plain Linux.
  std::optional<std::string> group_keys;
  lab::LabOptions lab;
};

// Keys of a group with the lab's gateways.
std::string GroupKeys(const std::string& mac, const std::string& xdp);

class Contender {
 public:
  static absl::StatusOr<Contender> Make(const ContenderOptions& options);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] lab::Lab& lab() { return *lab_; }
  [[nodiscard]] bool has_agent() const { return agent_.has_value(); }
  [[nodiscard]] lab::Agent& agent() { return agent_.value(); }

  // Stops the agent, or lets it go on: the others' agents must not disturb a round. The data path
  // stays in force meanwhile.
  absl::Status Pause();
  absl::Status Resume();

  // A counter of the agent's status; the agent must not be paused.
  absl::StatusOr<int64_t> Counter(const std::string& verdict);

 private:
  Contender(std::string name, std::unique_ptr<lab::Lab> lab)
      : name_(std::move(name)), lab_(std::move(lab)) {}

  std::string name_;
  std::unique_ptr<lab::Lab> lab_;
  std::optional<lab::Agent> agent_;  // goes first
};

absl::StatusOr<std::vector<Contender>> MakeContenders(const std::vector<ContenderOptions>& options);

// Runs only contender `index`'s agent.
absl::Status GiveWayTo(size_t index, std::vector<Contender>& contenders);

}  // namespace stronghost::bench
