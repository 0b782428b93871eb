// sh_source_routes, sh_source_tables and sh_reply_marks: what the programs on sockets choose from.
#pragma once

#include <cstdint>
#include <set>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "agent/datapath/loaded_object.h"
#include "agent/datapath/map_io.h"
#include "agent/decide/reply_marks.h"
#include "agent/decide/source_choice.h"
#include "maps/addresses.h"
#include "maps/reply_sources.h"
#include "maps/source.h"

namespace stronghost {

// Remembers what the maps hold; after an error, and at first, it reads them. The descriptors are
// borrowed from the loaded object.
class SourceMaps {
 public:
  explicit SourceMaps(const MapFds& fds);

  // Changes the maps to `desired`. A table never changes once it is written: other slots are
  // another table, and each route changes over in one step. RESOURCE_EXHAUSTED: more routes or
  // tables than the maps hold; nothing is changed then.
  absl::Status SetSources(const SourceState& desired);
  // `base`: what all marks begin with; 0: there are none.
  absl::Status SetMarks(const ReplyMarks& desired, uint32_t base);

 private:
  absl::Status Read();
  absl::Status WriteSources(const SourceState& desired);

  TypedMap<sh_prefix_key, sh_source_route> routes_map_;
  TypedMap<uint32_t, sh_source_table> tables_map_;
  TypedMap<sh_ip, uint32_t> marks_map_;
  bool known_ = false;  // the next two are what the maps hold
  absl::btree_map<IpPrefix, uint32_t> routes_;
  absl::btree_map<uint32_t, SourceSlots> tables_;  // empty slots: an earlier run's
};

}  // namespace stronghost
