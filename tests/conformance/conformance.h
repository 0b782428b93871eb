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

  // What is known of a place: a part of what a check says; "": nothing is wrong.
  struct Known {
    Violation plain;
    Violation with_stronghost;  // where it does not conform either, which docs/conformance.md tells
  };

  // With Stronghost the host conforms. Of plain Linux the check finds what is known, so that it is
  // seen to fail where that does. Hosts are made once a topology: a check leaves them as they were.
  void Judge(const Check& check, const Known& known);
  void Judge(const Check& check) { Judge(check, Known{}); }
  // The same in hosts that nobody used before, both at once: most of such a check is waiting.
  void JudgeFresh(const Check& check, const Known& known);
  void JudgeFresh(const Check& check) { JudgeFresh(check, Known{}); }

  static Topology topology() { return GetParam().topology; }
  static int family() { return GetParam().family; }
  static bool In(std::initializer_list<Topology> topologies) {
    return std::find(topologies.begin(), topologies.end(), topology()) != topologies.end();
  }

 private:
  // Records and expects what a check found.
  static void Expect(bool stronghost, const Violation& found, const Known& known,
                     const std::string& log);
};

// A test that runs in `places` (see Places()).
#define SH_CONFORMANCE(name, places)                                        \
  class name : public Conformance {};                                       \
  INSTANTIATE_TEST_SUITE_P(, name, testing::ValuesIn(places), NameOfPlace); \
  TEST_P(name, Holds)

}  // namespace stronghost::lab
