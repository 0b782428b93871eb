#include "agent/suggest/segments.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/suggest/candidates.h"

namespace stronghost {
namespace {

// Sets of NICs that are joined one by one.
class Joined {
 public:
  explicit Joined(const std::vector<IfIndex>& nics) {
    for (const IfIndex nic : nics) {
      parent_[nic] = nic;
    }
  }
  IfIndex RootOf(IfIndex nic) const {
    while (parent_.at(nic) != nic) {
      nic = parent_.at(nic);
    }
    return nic;
  }
  // The lowest index is the root.
  void Join(IfIndex a, IfIndex b) {
    const IfIndex root_a = RootOf(a);
    const IfIndex root_b = RootOf(b);
    parent_[std::max(root_a, root_b)] = std::min(root_a, root_b);
  }
  std::vector<Segment> Segments() const {
    std::map<IfIndex, Segment> by_root;
    for (const auto& [nic, parent] : parent_) {
      by_root[RootOf(nic)].nics.push_back(nic);
    }
    std::vector<Segment> segments;
    segments.reserve(by_root.size());
    for (auto& [root, segment] : by_root) {
      segments.push_back(std::move(segment));
    }
    return segments;
  }

 private:
  std::map<IfIndex, IfIndex> parent_;
};

bool ShareSubnet(const Facts& facts, IfIndex a, IfIndex b) {
  const std::vector<IpPrefix> ours = SubnetsOfLink(facts, a);
  const std::vector<IpPrefix> theirs = SubnetsOfLink(facts, b);
  return std::any_of(ours.begin(), ours.end(), [&theirs](const IpPrefix& subnet) {
    return std::find(theirs.begin(), theirs.end(), subnet) != theirs.end();
  });
}

// Calls `visit` for each pair of NICs.
void ForEachPair(const std::vector<IfIndex>& nics,
                 const std::function<void(IfIndex, IfIndex)>& visit) {
  for (size_t i = 0; i < nics.size(); ++i) {
    for (size_t j = i + 1; j < nics.size(); ++j) {
      visit(nics[i], nics[j]);
    }
  }
}

class HearingNotes {
 public:
  HearingNotes(const Hearing& hearing, const Facts& facts, std::vector<Segment>& segments)
      : hearing_(hearing), facts_(facts), segments_(segments) {}

  void Add(const std::vector<IfIndex>& nics) {
    for (const IfIndex nic : nics) {
      OfOne(nic);
    }
    ForEachPair(nics, [this](IfIndex a, IfIndex b) { OfPair(a, b); });
    for (Segment& segment : segments_) {
      OfSubnets(segment);
    }
  }

 private:
  bool Heard(IfIndex speaker, IfIndex listener) const {
    return hearing_.heard.contains({speaker, listener});
  }
  bool Spoke(IfIndex nic) const { return !hearing_.silent.contains(nic); }
  std::string Name(IfIndex nic) const { return NameOfLink(facts_, nic); }

  Segment& SegmentOf(IfIndex nic) {
    return *std::find_if(segments_.begin(), segments_.end(), [nic](const Segment& segment) {
      return std::find(segment.nics.begin(), segment.nics.end(), nic) != segment.nics.end();
    });
  }

  void OfOne(IfIndex nic) {
    if (Heard(nic, nic)) {
      SegmentOf(nic).notes.push_back(absl::StrCat(
          "Warning: ", Name(nic),
          " heard its own frame: its switch has a loop, or sends frames back to the port that they "
          "came from. Mend that first; the agent takes such frames for another host's."));
    }
    if (const auto failure = hearing_.failures.find(nic); failure != hearing_.failures.end()) {
      SegmentOf(nic).notes.push_back(absl::StrCat(
          "Warning: ", Name(nic), " took no full part in the exchange: ", failure->second, "."));
    }
  }

  void OfPair(IfIndex a, IfIndex b) {
    const bool together = &SegmentOf(a) == &SegmentOf(b);
    const bool both_spoke = Spoke(a) && Spoke(b);
    if (Heard(a, b) != Heard(b, a) && both_spoke) {
      OneWay(Heard(a, b) ? a : b, Heard(a, b) ? b : a, together);
    } else if (Heard(a, b) != Heard(b, a)) {
      SegmentOf(a).notes.push_back(
          absl::StrCat(Name(Heard(a, b) ? b : a), " sent nothing: that it heard ",
                       Name(Heard(a, b) ? a : b), " is all that joins the two."));
    } else if (together && !Heard(a, b) && both_spoke) {
      SegmentOf(a).notes.push_back(absl::StrCat(
          "Warning: ", Name(a), " and ", Name(b),
          " did not hear each other and are joined by other NICs only: isolated ports of the "
          "switch?"));
    }
  }

  void OneWay(IfIndex speaker, IfIndex listener, bool together) {
    const std::string note = absl::StrCat(
        "Warning: ", Name(listener), " heard ", Name(speaker), ", but ", Name(speaker),
        " did not hear ", Name(listener),
        together ? "; other NICs join the two."
                 : ". So the two are not taken for one segment: a link works one way only, a "
                   "switch filters, or frames were lost. Ask again.");
    SegmentOf(speaker).notes.push_back(note);
    if (!together) {
      SegmentOf(listener).notes.push_back(note);
    }
  }

  // NICs elsewhere that have a subnet of this segment.
  void OfSubnets(Segment& segment) {
    std::map<IpPrefix, std::vector<std::string>> others;
    for (const IfIndex nic : segment.nics) {
      for (const IpPrefix& subnet : SubnetsOfLink(facts_, nic)) {
        others.try_emplace(subnet);
      }
    }
    for (const Segment& other : segments_) {
      for (const IfIndex nic : &other == &segment ? std::vector<IfIndex>{} : other.nics) {
        for (const IpPrefix& subnet : SubnetsOfLink(facts_, nic)) {
          if (const auto it = others.find(subnet); it != others.end()) {
            it->second.push_back(Name(nic));
          }
        }
      }
    }
    for (const auto& [subnet, names] : others) {
      if (!names.empty()) {
        segment.notes.push_back(absl::StrCat(
            "Warning: ", absl::StrJoin(names, ", "), names.size() == 1 ? " has" : " have",
            " addresses in ", subnet.ToString(),
            " too, but did not hear the NICs of this group, nor they it: isolated ports of one "
            "switch, or two switches. They can't stand in for each other."));
      }
    }
  }

  const Hearing& hearing_;
  const Facts& facts_;
  std::vector<Segment>& segments_;
};

}  // namespace

std::vector<IpPrefix> SubnetsOfLink(const Facts& facts, IfIndex link) {
  static const IpPrefix kAutoIp = IpPrefix::Parse("169.254.0.0/16").value();
  std::vector<IpPrefix> subnets;
  for (const AddressFact& address : facts.addresses) {
    const IpPrefix network = address.ip.Network();
    if (address.link == link && !network.address.IsLinkLocal() && !network.address.IsLoopback() &&
        network.length < network.address.max_length() && network.length > 0 &&
        !(network.address.IsV4() && kAutoIp.Contains(network.address)) &&
        std::find(subnets.begin(), subnets.end(), network) == subnets.end()) {
      subnets.push_back(network);
    }
  }
  return subnets;
}

std::vector<Segment> SegmentsByHearing(const std::vector<IfIndex>& nics, const Hearing& hearing,
                                       const Facts& facts) {
  Joined joined(nics);
  ForEachPair(nics, [&](IfIndex a, IfIndex b) {
    const bool a_to_b = hearing.heard.contains({a, b});
    const bool b_to_a = hearing.heard.contains({b, a});
    // One that said nothing can't be heard.
    if ((a_to_b || hearing.silent.contains(a)) && (b_to_a || hearing.silent.contains(b)) &&
        (a_to_b || b_to_a)) {
      joined.Join(a, b);
    }
  });
  std::vector<Segment> segments = joined.Segments();
  HearingNotes(hearing, facts, segments).Add(nics);
  return segments;
}

std::vector<Segment> SegmentsBySubnet(const std::vector<IfIndex>& nics, const Facts& facts) {
  Joined joined(nics);
  ForEachPair(nics, [&](IfIndex a, IfIndex b) {
    if (ShareSubnet(facts, a, b)) {
      joined.Join(a, b);
    }
  });
  return joined.Segments();
}

}  // namespace stronghost
