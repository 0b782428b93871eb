#include "agent/config/source_map.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace stronghost {

std::string ConfigProblem::ToString() const {
  if (line == 0) {
    return absl::StrCat(file, ": ", message);
  }
  return absl::StrCat(file, ":", line, ":", column, ": ", message);
}

void SourceMap::Set(absl::string_view path, Position position) {
  positions_[std::string(path)] = position;
}

Position SourceMap::Find(absl::string_view path) const {
  while (true) {
    if (const auto it = positions_.find(path); it != positions_.end()) {
      return it->second;
    }
    const size_t end = path.find_last_of(".[");
    if (end == absl::string_view::npos) {
      return {};
    }
    path = path.substr(0, end);
  }
}

std::string SourceMap::LineNote(absl::string_view path) const {
  const Position position = Find(path);
  return position.line == 0 ? "" : absl::StrCat(" (line ", position.line, ")");
}

ConfigProblem SourceMap::Problem(absl::string_view path, std::string message) const {
  const Position position = Find(path);
  return {file_, position.line, position.column, std::move(message)};
}

void SourceMap::MarkBroken(absl::string_view path) {
  broken_.emplace(path);
}

bool SourceMap::IsBroken(absl::string_view path) const {
  return broken_.contains(path);
}

std::string GroupPath(size_t group) {
  return absl::StrCat("group[", group, "]");
}

std::string ItemPath(size_t group, absl::string_view list, size_t item) {
  return absl::StrCat("group[", group, "].", list, "[", item, "]");
}

}  // namespace stronghost
