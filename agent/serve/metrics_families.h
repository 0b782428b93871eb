#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "agent/serve/report.h"

namespace stronghost {

// The metrics that follow from a status report alone:
//   stronghost_packets_total{nic,verdict}, stronghost_nic_up{group,nic},
//   stronghost_address_wire{address,home,wire}.
std::vector<prometheus::MetricFamily> StatusFamilies(const StatusReport& report);

}  // namespace stronghost
