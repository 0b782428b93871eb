// The mounts that the lab makes where there are none, and takes for granted afterwards.
#pragma once

namespace stronghost::demo {

// Remembers at construction whether /run/netns and /sys/fs/bpf are mounted; the destructor unmounts
// what has been mounted since, if nobody uses it. Outlives everything that the lab made.
class Footprint {
 public:
  Footprint();
  Footprint(const Footprint&) = delete;
  Footprint& operator=(const Footprint&) = delete;
  ~Footprint();

 private:
  bool had_netns_folder_;
  bool had_netns_mount_;
  bool had_bpffs_;
};

}  // namespace stronghost::demo
