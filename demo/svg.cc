#include "demo/svg.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace stronghost::demo {
namespace {

// Pixels.
constexpr int kWidth = 980;
constexpr int kLeft = 136;  // of the time axis
constexpr int kPlot = 610;  // width of the time axis
constexpr int kTop = 22;
constexpr int kHeading = 46;  // title and the names of the moments
constexpr int kBar = 14;
constexpr int kStep = 19;    // from one track to the next
constexpr int kPairGap = 7;  // between the pairs of tracks
constexpr int kAxis = 34;
constexpr int kFooter = 66;
constexpr double kThinnest = 2.5;  // a single packet must be seen

constexpr char kStyle[] = R"(<style>
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .faint { fill: #59636e; font-size: 12px; }
  .ground { fill: #ffffff; stroke: #d1d9e0; }
  .arrived { fill: #2da44e; }
  .lost { fill: #d1242f; }
  .grid { stroke: #d1d9e0; }
  .moment { stroke: #1f2328; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .faint { fill: #a2acb7; }
    .ground { fill: #0d1117; stroke: #3d444d; }
    .arrived { fill: #238636; }
    .lost { fill: #ff6a69; }
    .grid { stroke: #3d444d; }
    .moment { stroke: #f0f6fc; }
  }
</style>
)";

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Text(double x, double y, const std::string& text, const char* style = nullptr,
                 const char* anchor = "start") {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y,
                         anchor, style == nullptr ? "" : absl::StrCat(" class=\"", style, "\""),
                         Escaped(text));
}

std::string Bar(double x, double y, double width, const char* style, const std::string& tip = "") {
  return absl::StrFormat(
      "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" class=\"%s\"%s\n", x, y, width,
      kBar, style, tip.empty() ? "/>" : absl::StrCat("><title>", Escaped(tip), "</title></rect>"));
}

std::string Upright(double x, double from, double to, const char* style) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
                         x, from, x, to, style);
}

double XOf(double moment, double length) {
  return kLeft + std::clamp(moment / length, 0.0, 1.0) * kPlot;
}

std::string Tip(const Gap& gap) {
  return gap.lost > 0 ? absl::StrFormat("%d lost, at %.3f s", gap.lost, gap.begin)
                      : absl::StrFormat("silent from %.2f s to %.2f s", gap.begin, gap.end);
}

std::string DrawBar(const Track& track, double length, double y) {
  std::string out = absl::StrCat(Text(kLeft - 10, y + kBar - 2.5, track.label, nullptr, "end"),
                                 Bar(kLeft, y, kPlot, "arrived"));
  for (const Gap& gap : track.gaps) {
    if (gap.begin >= length || gap.end <= 0) {
      continue;
    }
    const double begin = XOf(gap.begin, length);
    const double width = std::max(kThinnest, XOf(gap.end, length) - begin);
    absl::StrAppend(&out, Bar(std::min(begin, kLeft + kPlot - width), y, width, "lost", Tip(gap)));
  }
  return absl::StrCat(out, Text(kLeft + kPlot + 10, y + kBar - 2.5, track.note, "faint"));
}

int BarsHeight(const Picture& picture) {
  const auto tracks = static_cast<int>(picture.tracks.size());
  return tracks * kStep + (tracks - 1) / 2 * kPairGap;
}

std::string DrawMoment(const Picture& picture, double moment, const std::string& name, int top) {
  const double x = XOf(moment, picture.moments.length);
  return absl::StrCat(
      Upright(x, top + kHeading - 12, top + kHeading + BarsHeight(picture), "moment"),
      Text(x, top + kHeading - 16, name, "faint", "middle"));
}

std::string DrawAxis(double length, int y) {
  std::string out;
  for (int second = 0; second <= length; ++second) {
    const double x = XOf(second, length);
    absl::StrAppend(&out, Upright(x, y, y + 5, "grid"),
                    Text(x, y + 18, second == 0 ? "0 s" : absl::StrCat(second), "faint", "middle"));
  }
  return out;
}

std::string DrawPanel(const Picture& picture, int top) {
  const Moments& moments = picture.moments;
  std::string out = Text(16, top + 16, picture.title, "title");
  int y = top + kHeading;
  for (size_t i = 0; i < picture.tracks.size(); ++i) {
    absl::StrAppend(&out, DrawBar(picture.tracks[i], moments.length, y));
    y += kStep + (i % 2 == 1 ? kPairGap : 0);
  }
  absl::StrAppend(&out, DrawMoment(picture, moments.pulled, "cable of eth0 pulled", top),
                  DrawMoment(picture, moments.plugged, "plugged in", top));
  // A mark needs room for its name.
  if (moments.home.has_value() &&
      XOf(*moments.home, moments.length) > XOf(moments.plugged, moments.length) + 70) {
    absl::StrAppend(&out, DrawMoment(picture, *moments.home, "home again", top));
  }
  return absl::StrCat(out, DrawAxis(moments.length, top + kHeading + BarsHeight(picture)));
}

std::string DrawFooter(const std::string& caption, int top) {
  const double y = top + kBar - 2.5;
  return absl::StrCat(Bar(kLeft, top, 22, "arrived"), Text(kLeft + 30, y, "packets arrive"),
                      Bar(kLeft + 150, top, 22, "lost"),
                      Text(kLeft + 180, y, "packets lost; TCP: nothing arrives"), "<line x1=\"",
                      kLeft + 430, "\" y1=\"", top, "\" x2=\"", kLeft + 430, "\" y2=\"", top + kBar,
                      "\" class=\"moment\"/>\n", Text(kLeft + 440, y, "what happens to the cable"),
                      Text(kLeft, y + 26, caption, "faint"));
}

}  // namespace

std::string DrawSvg(const std::vector<Picture>& pictures, const std::string& caption) {
  std::string body;
  int y = kTop;
  std::string names;
  for (const Picture& picture : pictures) {
    absl::StrAppend(&body, DrawPanel(picture, y));
    absl::StrAppend(&names, names.empty() ? "" : " and ", picture.title);
    y += kHeading + BarsHeight(picture) + kAxis;
  }
  absl::StrAppend(&body, DrawFooter(caption, y + 6));
  const int height = y + kFooter;
  return absl::StrFormat(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
             "height=\"%d\" role=\"img\">\n<title>A cable is pulled: %s</title>\n",
             kWidth, height, kWidth, height, Escaped(names)) +
         kStyle +
         absl::StrFormat(
             "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"ground\"/>\n",
             kWidth - 1, height - 1) +
         body + "</svg>\n";
}

}  // namespace stronghost::demo
