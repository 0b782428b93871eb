// One requirement of a host, looked at with Stronghost and on plain Linux in the same topology.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "tests/conformance/host.h"
#include "tests/lib/gtest_status.h"

namespace stronghost::lab {

// What a check finds wrong; "" if the host conforms.
using Violation = std::string;

enum class Plain { kConforms, kViolates };

struct Place {
  Topology topology;
  int family;
};

// "b2_v4".
std::string NameOfPlace(const testing::TestParamInfo<Place>& place);

std::vector<Place> Places(const std::vector<Topology>& topologies,
                          const std::vector<int>& families = {AF_INET, AF_INET6});
inline const std::vector<Topology> kAll = {Topology::kA, Topology::kB1, Topology::kB2,
                                           Topology::kC};
inline const std::vector<Topology> kTwoNics = {Topology::kB2, Topology::kC};

// How long nothing may come before it counts as lost: an answer takes less than a millisecond.
constexpr absl::Duration kPatience = absl::Milliseconds(400);

class Conformance : public testing::TestWithParam<Place> {
 protected:
  using Check = std::function<Violation(Host& host, int family)>;

  // With Stronghost the host conforms; plain Linux does what is written down here, so that each
  // check is seen to fail where that is known to. Hosts are made once a topology, so a check leaves
  // them as they were.
  void Judge(const Check& check, Plain plain = Plain::kConforms);
  // The same in hosts that nobody used before.
  void JudgeFresh(const Check& check, Plain plain = Plain::kConforms);

  static Topology topology() { return GetParam().topology; }
  static int family() { return GetParam().family; }
  static bool In(std::initializer_list<Topology> topologies) {
    return std::find(topologies.begin(), topologies.end(), topology()) != topologies.end();
  }

 private:
  void JudgeThese(Host& strong, Host& plain_host, const Check& check, Plain plain);
};

// A test that runs in `places` (see Places()).
#define SH_CONFORMANCE(name, places)                                        \
  class name : public Conformance {};                                       \
  INSTANTIATE_TEST_SUITE_P(, name, testing::ValuesIn(places), NameOfPlace); \
  TEST_P(name, Holds)

}  // namespace stronghost::lab
