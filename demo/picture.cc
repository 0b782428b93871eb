#include "demo/picture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stronghost::demo {
namespace {

constexpr char kRed[] = "\033[31m";
constexpr char kGreen[] = "\033[32m";
constexpr char kReset[] = "\033[0m";

// Columns of the time line in the terminal.
constexpr size_t kColumns = 55;

// The worst share among the buckets that one column stands for.
double Worst(const Row& row, size_t column) {
  const size_t n = row.share.size();
  const size_t from = column * n / kColumns;
  const size_t to = std::max(from + 1, (column + 1) * n / kColumns);
  double worst = 1;
  for (size_t i = from; i < to && i < n; ++i) {
    worst = std::min(worst, row.share[i]);
  }
  return worst;
}

std::string Line(const Row& row, bool color) {
  std::string line;
  for (size_t column = 0; column < kColumns; ++column) {
    const double worst = Worst(row, column);
    const char* block = worst >= 0.7 ? "█" : worst > 0.02 ? "▒" : "·";
    if (color) {
      absl::StrAppend(&line, worst >= 0.7 ? kGreen : kRed, block, kReset);
    } else {
      absl::StrAppend(&line, block);
    }
  }
  return line;
}

void DrawHalf(const std::string& title, const Figures& figures, bool color, std::string& out) {
  absl::StrAppend(&out, title, "\n");
  for (const Row& row : figures.rows) {
    if (row.share.empty()) {
      absl::StrAppendFormat(&out, "  %-20s %s, longest stall %.0f ms\n", row.name,
                            row.alive ? "alive" : "DEAD", row.gap_ms);
    } else {
      absl::StrAppendFormat(&out, "  %-20s %s %5d lost, gap %6.0f ms\n", row.name, Line(row, color),
                            row.lost, row.gap_ms);
    }
  }
  const double total = static_cast<double>(figures.rows.front().share.size()) * figures.bucket_s;
  const size_t pulled = static_cast<size_t>(figures.pulled_s / total * kColumns);
  const size_t plugged = static_cast<size_t>(figures.plugged_s / total * kColumns);
  std::string marks(kColumns + 16, ' ');
  marks.replace(pulled, 8, "^ pulled");
  marks.replace(plugged, 9, "^ plugged");
  absl::StrAppendFormat(&out, "  %-20s %s\n\n", "", marks);
}

std::string Ratio(uint64_t part, uint64_t whole) {
  return absl::StrFormat("%d of %d", part, whole);
}

struct SvgWriter {
  std::string out;
  double y = 0;

  void Text(double x, double dy, const std::string& css, const std::string& text) {
    absl::StrAppendFormat(&out, "<text x=\"%.0f\" y=\"%.0f\" class=\"%s\">%s</text>\n", x, y + dy,
                          css, text);
  }
  void Rect(double x, double width, const std::string& css) {
    absl::StrAppendFormat(
        &out, "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"16\" class=\"%s\"/>\n", x, y,
        width, css);
  }
};

void SvgHalf(const std::string& title, const Figures& figures, SvgWriter& svg) {
  constexpr double kLeft = 170;
  constexpr double kWidth = 480;
  svg.Text(10, 14, "title", title);
  svg.y += 26;
  const double top = svg.y;
  const size_t n = figures.rows.front().share.size();
  const double total = static_cast<double>(n) * figures.bucket_s;
  for (const Row& row : figures.rows) {
    svg.Text(10, 13, "label", row.name);
    if (row.share.empty()) {
      svg.Text(
          kLeft, 13, row.alive ? "good" : "bad",
          absl::StrFormat("%s, longest stall %.0f ms", row.alive ? "alive" : "dead", row.gap_ms));
    } else {
      svg.Rect(kLeft, kWidth, "ok");
      for (size_t i = 0; i < n; ++i) {
        if (row.share[i] < 0.7) {
          svg.Rect(kLeft + static_cast<double>(i) / static_cast<double>(n) * kWidth,
                   kWidth / static_cast<double>(n) + 0.3, row.share[i] > 0.02 ? "some" : "lost");
        }
      }
      svg.Text(kLeft + kWidth + 10, 13, "label",
               absl::StrFormat("%d lost, gap %.0f ms", row.lost, row.gap_ms));
    }
    svg.y += 22;
  }
  for (const auto& [at, text] :
       {std::pair(figures.pulled_s, "pulled"), std::pair(figures.plugged_s, "plugged")}) {
    const double x = kLeft + at / total * kWidth;
    absl::StrAppendFormat(
        &svg.out, "<line x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\" class=\"mark\"/>\n", x,
        top - 4, x, svg.y);
    svg.Text(x + 3, 12, "small", text);
  }
  svg.y += 34;
}

}  // namespace

std::string DrawText(const Figures& plain, const Figures& stronghost, bool color) {
  std::string out;
  absl::StrAppendFormat(&out, "%-52s %-18s %s\n", "", "plain Linux", "Stronghost");
  absl::StrAppendFormat(&out, "%-52s %-18.2f %.2f\n", "ARP answers to one request",
                        static_cast<double>(plain.arp_answers) / plain.arp_requests,
                        static_cast<double>(stronghost.arp_answers) / stronghost.arp_requests);
  absl::StrAppendFormat(&out, "%-52s %-18d %d\n", "different MACs for one address", plain.arp_macs,
                        stronghost.arp_macs);
  absl::StrAppendFormat(&out, "%-52s %-18s %s\n\n", "packets of eth1's address that left by eth0",
                        Ratio(plain.wrong_nic, plain.packets),
                        Ratio(stronghost.wrong_nic, stronghost.packets));
  DrawHalf("The cable of eth0 is pulled: plain Linux", plain, color, out);
  DrawHalf("The same pull with Stronghost", stronghost, color, out);
  absl::StrAppend(
      &out,
      "  █ all arrived   ▒ fewer than sent   · nothing arrived   (1,000 packets/s each, "
      "both ways)\n");
  return out;
}

std::string DrawSvg(const Figures& plain, const Figures& stronghost) {
  SvgWriter svg;
  svg.y = 12;
  SvgHalf("A cable is pulled: plain Linux", plain, svg);
  SvgHalf("The same pull with Stronghost", stronghost, svg);
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 830 %.0f\" "
      "font-family=\"sans-serif\" "
      "font-size=\"13\">\n<style>\n"
      ".title{font-weight:bold;fill:#57606a}.label,.small{fill:#6e7781}.small{font-size:11px}\n"
      ".ok{fill:#2da44e}.some{fill:#bf8700}.lost{fill:#cf222e}.good{fill:#2da44e}.bad{fill:#cf222e}"
      "\n.mark{stroke:#6e7781;stroke-dasharray:3 2}\n</style>\n%s</svg>\n",
      svg.y, svg.out);
}

}  // namespace stronghost::demo
