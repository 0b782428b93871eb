// A lab with the real agent on its server.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/agent.h"
#include "tests/lib/capture.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/lab.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {

// The keys of a group with the lab's gateways. `mac` is "follow" or "stay".
inline std::string GroupKeys(const std::string& mac, const std::string& failback = "200ms") {
  return absl::StrCat("mac = \"", mac, "\"\nfailback = \"", failback,
                      "\"\ngateways = [\"198.51.100.254\", \"2001:db8::fe\"]\n");
}

class AgentLab : public ::testing::Test {
 protected:
  // Whatever happened, nobody else used a MAC of the server, and the lab's switch has no loop.
  void TearDown() override {
    if (agent_.has_value() && !mac_conflict_) {
      EXPECT_THAT(agent().Log(), ::testing::Not(::testing::HasSubstr("MAC conflict")));
    }
  }

  void Build(const std::string& group_keys, const LabOptions& options = {},
             const std::string& agent_keys = "") {
    auto lab = Lab::Create(options);
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    std::vector<std::string> nics;
    for (int i = 0; i < options.nics; ++i) {
      nics.push_back(LabPlan::Nic(i));
    }
    auto agent = Agent::Start(lab_->server(),
                              {.groups = GroupToml(nics, group_keys), .agent_keys = agent_keys});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }

  // The cable of `nic` out, and its addresses on `stand_in`.
  void PullAndAwait(int nic, const std::string& stand_in) {
    ASSERT_OK(lab().PullCable(nic));
    ASSERT_OK(agent().AwaitWire(Address(nic, AF_INET).ToString(), stand_in)) << agent().Log();
  }
  // The cable back in, and its addresses at home.
  void PlugAndAwait(int nic) {
    ASSERT_OK(lab().PlugCable(nic));
    ASSERT_OK(agent().AwaitWire(Address(nic, AF_INET).ToString(), LabPlan::Nic(nic)))
        << agent().Log();
  }

  // Appends four streams of the first NIC's addresses to `streams`: out and in, IPv4 and IPv6.
  // Packets a second.
  void StartStreams(std::vector<Stream>& streams, double rate = 1000) {
    for (const bool out : {true, false}) {
      for (const int family : {AF_INET, AF_INET6}) {
        StreamOptions options{.destination = out ? ClientAddress(family) : Address(0, family),
                              .rate = rate};
        if (out) {
          options.source = Address(0, family);
        }
        auto stream = Stream::Start(out ? lab().server() : lab().client(),
                                    out ? lab().client() : lab().server(), options);
        ASSERT_OK(stream);
        streams.push_back(*std::move(stream));
      }
    }
  }
  static void AwaitReceived(std::vector<Stream>& streams, uint64_t packets) {
    for (Stream& stream : streams) {
      ASSERT_OK(stream.AwaitReceived(packets, absl::Seconds(20)));
    }
  }

  // TCP sessions of the client with the first NIC's addresses, IPv4 and IPv6, under way.
  void StartSessions(std::vector<std::unique_ptr<TcpSession>>& sessions) {
    for (const int family : {AF_INET, AF_INET6}) {
      auto session =
          TcpSession::Start(lab().client(), lab().server(), {.destination = Address(0, family)});
      ASSERT_OK(session);
      sessions.push_back(*std::move(session));
      ASSERT_OK(sessions.back()->AwaitProgress(10'000, absl::Seconds(10)));
    }
  }

  static void ExpectNoLoss(std::vector<Stream>& streams) {
    for (Stream& stream : streams) {
      const StreamResult result = stream.Finish();
      EXPECT_EQ(result.lost, 0U) << result.ToString();
    }
  }

  Lab& lab() { return *lab_; }
  Agent& agent() { return *agent_; }
  const LabPlan& plan() { return lab_->plan(); }
  IpAddress Address(int nic, int family) { return plan().NicAddress(nic, family); }
  IpAddress ClientAddress(int family) { return plan().ClientAddress(0, family); }

  std::unique_ptr<Lab> lab_;
  std::optional<Agent> agent_;
  bool mac_conflict_ = false;  // the test makes one
};

}  // namespace stronghost::lab
