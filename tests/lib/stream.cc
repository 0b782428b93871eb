#include "tests/lib/stream.h"

#include <algorithm>

#include "agent/base/status.h"

namespace stronghost::lab {

absl::StatusOr<Stream> Stream::Start(const NetNs& from, const NetNs& to,
                                     const StreamOptions& options) {
  ASSIGN_OR_RETURN(auto receiver, StreamReceiver::Start(to, {.family = options.destination.family(),
                                                             .port = options.port,
                                                             .device = options.receiver_device,
                                                             .address = options.receiver_address}));
  ASSIGN_OR_RETURN(auto sender, StreamSender::Start(from, {.destination = options.destination,
                                                           .port = receiver->port(),
                                                           .rate = options.rate,
                                                           .max_packets = options.max_packets,
                                                           .payload_size = options.payload_size,
                                                           .device = options.source_device,
                                                           .source = options.source,
                                                           .source_port = options.source_port,
                                                           .connect = options.connect}));
  return Stream(options, std::move(receiver), std::move(sender));
}

absl::Status Stream::AwaitSent(uint64_t count) const {
  uint64_t target = sender_->count() + count;
  if (options_.max_packets != 0) {
    target = std::min(target, options_.max_packets);
  }
  const absl::Duration expected = absl::Seconds(static_cast<double>(count) / options_.rate);
  return sender_->AwaitCount(target, expected * 2 + absl::Seconds(10));
}

absl::Status Stream::AwaitReceived(uint64_t count, absl::Duration deadline) {
  return receiver_->AwaitCount(receiver_->count() + count, deadline);
}

StreamResult Stream::Finish(absl::Duration drain) {
  const StreamSender::Log log = sender_->Stop();
  // Losses make this run into the deadline; that is no error.
  const absl::Status ignored = receiver_->AwaitCount(log.sent_ns.size(), drain);
  StreamResult result = Summarise(log.sent_ns, receiver_->Stop(), options_.bucket);
  result.send_errors = log.errors;
  result.last_send_error = log.last_error;
  return result;
}

}  // namespace stronghost::lab
