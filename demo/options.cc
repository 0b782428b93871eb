#include "demo/options.h"

#include "absl/strings/str_cat.h"

namespace stronghost::demo {

const char kUsage[] =
    "usage: stronghost-demo [--keep] [--svg FILE]\n"
    "  --keep      at the end leave the lab running until Enter or Ctrl-C; in a terminal only\n"
    "  --svg FILE  where the picture goes (demo-out/demo.svg)\n";

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& args) {
  Options options;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--keep") {
      options.keep = true;
    } else if (args[i] == "--help" || args[i] == "-h") {
      options.help = true;
    } else if (args[i] == "--svg" && i + 1 < args.size()) {
      options.svg = args[++i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("what is '", args[i], "'?\n", kUsage));
    }
  }
  return options;
}

}  // namespace stronghost::demo
