#include "agent/daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace stronghost {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_st("stronghostd");
    // journald stamps lines itself.
    const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    made->set_pattern(journal ? "%l: %v" : "%Y-%m-%d %H:%M:%S.%e %l: %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

}  // namespace

bool SetLogLevel(const std::string& name) {
  for (const auto& [text, level] :
       {std::pair("debug", LogLevel::kDebug), std::pair("info", LogLevel::kInfo),
        std::pair("warning", LogLevel::kWarning), std::pair("error", LogLevel::kError)}) {
    if (name == text) {
      Logger().set_level(ToSpdlog(level));
      return true;
    }
  }
  return false;
}

void Log(LogLevel level, absl::string_view line) {
  Logger().log(ToSpdlog(level), "{}", std::string(line));
}

}  // namespace stronghost
