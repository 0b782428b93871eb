#include "demo/report.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/cli/table.h"

namespace stronghost::demo {
namespace {

constexpr int64_t kNoticeable = 100'000'000;  // ns; a gap that a person may notice

Cell Judged(std::string text, bool good) {
  return {std::move(text), good ? Tone::kGood : Tone::kBad};
}

Cell ArpCell(const ArpScore& score) {
  return Judged(absl::StrFormat("%.2f from %s", score.answers / static_cast<double>(score.asked),
                                Count(static_cast<uint64_t>(score.macs), "MAC", "MACs")),
                score.answers == score.asked && score.not_owner == 0);
}

Cell WayOutCell(const WayOutScore& score) {
  return Judged(absl::StrCat(Thousands(score.left_wrong), " of ", Thousands(score.left)),
                score.left_wrong == 0);
}

Cell LostCell(const StreamScore& score) {
  // A few packets were on the cable when it was pulled; nobody can save those.
  return Judged(absl::StrCat(Thousands(score.lost), " of ", Thousands(score.sent)),
                score.lost * 1000 < score.sent);
}

Cell GapCell(int64_t gap_ns) {
  return Judged(Milliseconds(gap_ns), gap_ns < kNoticeable);
}

Cell AfterCell(const CableScore& score) {
  const uint64_t lost = score.ipv4.lost_after + score.ipv6.lost_after;
  return Judged(Thousands(lost), lost == 0);
}

Cell OfSessions(int number, const TcpScore& score) {
  return Judged(absl::StrCat(number, " of ", score.sessions), number == score.sessions);
}

}  // namespace

std::string Milliseconds(int64_t nanoseconds) {
  const double ms = static_cast<double>(nanoseconds) / 1e6;
  return ms < 10 ? absl::StrFormat("%.1f ms", ms)
                 : absl::StrCat(Thousands(static_cast<uint64_t>(ms + 0.5)), " ms");
}

std::string Thousands(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t place = digits.size(); place > 3; place -= 3) {
    digits.insert(place - 3, 1, ',');
  }
  return digits;
}

std::string DrawTable(const HostScore& plain, const HostScore& stronghost, bool color) {
  Table table({"", plain.name, stronghost.name});
  const auto add = [&](std::string what, const auto& cell) {
    table.AddRow({{std::move(what), Tone::kPlain}, cell(plain), cell(stronghost)});
  };
  for (size_t i = 0; i < plain.arp.size() && i < stronghost.arp.size(); ++i) {
    add(absl::StrCat("ARP answers per request for ", plain.arp[i].address),
        [&](const HostScore& host) { return ArpCell(host.arp[i]); });
  }
  add("packets that left by a NIC without their source address",
      [](const HostScore& host) { return WayOutCell(host.way_out); });
  add("cable pulled: IPv4 packets lost",
      [](const HostScore& host) { return LostCell(host.cable.ipv4); });
  add("              longest gap",
      [](const HostScore& host) { return GapCell(host.cable.ipv4.longest_gap_ns); });
  add("              IPv6 packets lost",
      [](const HostScore& host) { return LostCell(host.cable.ipv6); });
  add("              longest gap",
      [](const HostScore& host) { return GapCell(host.cable.ipv6.longest_gap_ns); });
  add("              TCP sessions that went on meanwhile",
      [](const HostScore& host) { return OfSessions(host.cable.tcp.moving, host.cable.tcp); });
  add("              TCP's longest silence",
      [](const HostScore& host) { return GapCell(host.cable.tcp.longest_silence_ns); });
  add("cable back:   packets lost from then on",
      [](const HostScore& host) { return AfterCell(host.cable); });
  add("              TCP sessions alive, every byte arrived",
      [](const HostScore& host) { return OfSessions(host.cable.tcp.alive, host.cable.tcp); });
  return table.Render(2, color);
}

}  // namespace stronghost::demo
