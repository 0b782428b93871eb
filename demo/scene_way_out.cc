#include "demo/scene_way_out.h"

#include <sys/socket.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/capture.h"
#include "tests/lib/stream.h"

namespace stronghost::demo {
namespace {

constexpr uint64_t kPackets = 100;  // from each address to each host

absl::Status SendFromEverywhere(Stage& stage) {
  std::vector<lab::Stream> streams;
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < stage.plan().nic_count(); ++nic) {
      for (const bool far : {false, true}) {
        const lab::NetNs& receiver = far ? stage.lab().far() : stage.lab().client();
        ASSIGN_OR_RETURN(
            lab::Stream stream,
            lab::Stream::Start(stage.lab().server(), receiver,
                               {.destination = far ? lab::LabPlan::FarAddress(family)
                                                   : stage.plan().ClientAddress(0, family),
                                .max_packets = kPackets,
                                .source = stage.plan().NicAddress(nic, family)}));
        streams.push_back(std::move(stream));
      }
    }
  }
  for (lab::Stream& stream : streams) {
    RETURN_IF_ERROR(stream.sender().AwaitCount(kPackets, absl::Seconds(10)));
    RETURN_IF_ERROR(stream.receiver().AwaitCount(kPackets, absl::Seconds(2)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WayOutScore> WatchTheWayOut(Stage& stage) {
  std::vector<std::unique_ptr<lab::Capture>> captures;
  for (int nic = 0; nic < stage.plan().nic_count(); ++nic) {
    ASSIGN_OR_RETURN(auto capture,
                     lab::Capture::Start(stage.lab().switch_netns(), lab::LabPlan::Port(nic),
                                         {.direction = lab::CaptureOptions::Direction::kIncoming,
                                          .snap_length = 128}));
    captures.push_back(std::move(capture));
  }
  RETURN_IF_ERROR(SendFromEverywhere(stage));
  WayOutScore score;
  for (int port = 0; port < stage.plan().nic_count(); ++port) {
    for (int owner = 0; owner < stage.plan().nic_count(); ++owner) {
      const int count = captures[static_cast<size_t>(port)]->Count([&](const lab::Frame& frame) {
        return frame.ports.has_value() &&
               (frame.ip->source == stage.plan().NicAddress(owner, AF_INET) ||
                frame.ip->source == stage.plan().NicAddress(owner, AF_INET6));
      });
      score.left += static_cast<uint64_t>(count);
      score.left_wrong += owner == port ? 0 : static_cast<uint64_t>(count);
    }
    if (captures[static_cast<size_t>(port)]->Missed() != 0) {
      return absl::InternalError(absl::StrCat("the capture on ", lab::LabPlan::Port(port),
                                              " missed frames; is the machine very busy?"));
    }
  }
  return score;
}

}  // namespace stronghost::demo
