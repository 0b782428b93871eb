#include "demo/timeline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/cli/text.h"

namespace stronghost::demo {
namespace {

constexpr size_t kBetween = 3;  // columns between the two panels
constexpr char kAll[] = "▇";    // not the full block: lines would run into one another
constexpr char kNothing[] = "░";
constexpr std::array<const char*, 6> kSome = {"▁", "▂", "▃", "▄", "▅", "▆"};

struct Glyph {
  const char* text = kAll;
  Tone tone = Tone::kGood;
};

Glyph GlyphOf(const Track& track, double begin, double end) {
  if (!HasGap(track, begin, end)) {
    return {};
  }
  const double arrived = 1 - CoveredShare(track, begin, end);
  if (arrived < 1e-6) {
    return {kNothing, Tone::kBad};
  }
  const auto level = static_cast<size_t>(arrived * kSome.size());
  return {kSome.at(std::min(level, kSome.size() - 1)), Tone::kBad};
}

// Neighbours of one tone are painted together.
std::string DrawTrack(const Track& track, double length, size_t cells, bool color) {
  std::string out;
  std::string run;
  Tone tone = Tone::kGood;
  for (size_t cell = 0; cell < cells; ++cell) {
    const double width = length / static_cast<double>(cells);
    const double begin = static_cast<double>(cell) * width;
    const Glyph glyph = GlyphOf(track, begin, begin + width);
    if (glyph.tone != tone) {
      absl::StrAppend(&out, run.empty() ? "" : Paint(run, tone, color));
      run.clear();
      tone = glyph.tone;
    }
    run += glyph.text;
  }
  return absl::StrCat(out, Paint(run, tone, color));
}

// A line of code points, so that marks can be set by column.
class Line {
 public:
  explicit Line(size_t columns) : cells_(columns, " ") {}

  // `text` is ASCII. What doesn't fit is cut off.
  void Put(size_t column, const std::string& text) {
    for (size_t i = 0; i < text.size() && column + i < cells_.size(); ++i) {
      cells_[column + i] = text.substr(i, 1);
    }
  }
  // An arrow at the column, the text behind it; before it where the line ends.
  void Mark(size_t column, const std::string& text) {
    column = std::min(column, cells_.size() - 1);
    if (column + 1 + text.size() <= cells_.size()) {
      Put(column + 1, text);
    } else if (column >= text.size()) {
      Put(column - text.size(), text);
    }
    cells_[column] = "▲";
  }
  [[nodiscard]] std::string Text() const {
    std::string text;
    for (const std::string& cell : cells_) {
      text += cell;
    }
    return text;
  }

 private:
  std::vector<std::string> cells_;
};

size_t ColumnOf(double moment, double length, size_t cells) {
  return static_cast<size_t>(std::max(0.0, moment / length * static_cast<double>(cells)));
}

std::string DrawMoments(const Moments& moments, size_t cells) {
  Line line(cells);
  line.Mark(ColumnOf(moments.pulled, moments.length, cells), "cable pulled");
  line.Mark(ColumnOf(moments.plugged, moments.length, cells), "back");
  if (moments.home.has_value() && *moments.home > moments.plugged) {
    const size_t column = ColumnOf(*moments.home, moments.length, cells);
    // Right after the cable is back there is no room for a second mark.
    if (column > ColumnOf(moments.plugged, moments.length, cells) + 5) {
      line.Mark(column, "home");
    }
  }
  return line.Text();
}

std::string DrawAxis(double length, size_t cells) {
  Line line(cells);
  for (double second = 0; second < length; second += 2) {
    line.Put(ColumnOf(second, length, cells),
             absl::StrCat(static_cast<int>(second), second == 0 ? " s" : ""));
  }
  return line.Text();
}

std::string Padded(const std::string& text, size_t columns) {
  return text + std::string(columns - std::min(columns, Width(text)), ' ');
}

}  // namespace

std::string DrawTimelines(const Picture& left, const Picture& right, size_t columns, bool color) {
  size_t label = 0;
  for (const Track& track : left.tracks) {
    label = std::max(label, Width(track.label) + 1);
  }
  const size_t cells = (columns - label - kBetween) / 2;
  const std::string between(kBetween, ' ');
  const std::string margin(label, ' ');
  std::string out = absl::StrCat(margin, Paint(Padded(left.title, cells), Tone::kHeading, color),
                                 between, Paint(right.title, Tone::kHeading, color), "\n");
  for (size_t i = 0; i < left.tracks.size() && i < right.tracks.size(); ++i) {
    absl::StrAppend(&out, Padded(left.tracks[i].label, label),
                    DrawTrack(left.tracks[i], left.moments.length, cells, color), between,
                    DrawTrack(right.tracks[i], right.moments.length, cells, color), "\n");
  }
  for (const auto& line :
       {absl::StrCat(DrawMoments(left.moments, cells), between, DrawMoments(right.moments, cells)),
        absl::StrCat(DrawAxis(left.moments.length, cells), between,
                     DrawAxis(right.moments.length, cells))}) {
    absl::StrAppend(&out, margin, Paint(line, Tone::kFaint, color), "\n");
  }
  return out;
}

}  // namespace stronghost::demo
