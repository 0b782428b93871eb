// The main job, live: see run-demo.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "agent/base/status.h"
#include "demo/picture.h"
#include "demo/scenes.h"

namespace stronghost::demo {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "the demo failed: %s\n", Message(status).c_str());
  return 1;
}

int Run(const std::string& svg_path) {
  std::printf(
      "The lab: a server with eth0 and eth1 in one segment, a switch, a client, a gateway.\n"
      "Plain Linux first ...\n");
  std::fflush(stdout);
  const auto plain = Measure(/*with_agent=*/false);
  if (!plain.ok()) {
    return Fail(plain.status());
  }
  std::printf("... then the same with stronghostd ...\n\n");
  std::fflush(stdout);
  const auto stronghost = Measure(/*with_agent=*/true);
  if (!stronghost.ok()) {
    return Fail(stronghost.status());
  }
  const bool color = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  std::printf("%s\n", DrawText(*plain, *stronghost, color).c_str());
  std::printf("`stronghost status` while the cable was out:\n\n%s\n", stronghost->status.c_str());
  std::printf(
      "and what bpftool shows of the home (wire is not its own ifindex: a stand-in):\n\n%s\n",
      stronghost->homes.c_str());
  std::ofstream(svg_path) << DrawSvg(*plain, *stronghost);
  std::printf(
      "The picture is in %s. `./run-demo --keep` builds the lab and leaves it up for you,\n"
      "with the status and bpftool lines to try.\n",
      svg_path.c_str());
  return 0;
}

}  // namespace
}  // namespace stronghost::demo

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--keep") == 0) {
    const absl::Status status = stronghost::demo::KeepLab();
    return status.ok() ? 0 : stronghost::demo::Fail(status);
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: stronghost-demo FILE.svg | --keep\n");
    return 2;
  }
  return stronghost::demo::Run(argv[1]);
}
