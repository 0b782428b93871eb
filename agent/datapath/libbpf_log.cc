#include "agent/datapath/libbpf_log.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr size_t kTailBytes = 3000;

thread_local std::string* collector = nullptr;

__attribute__((format(printf, 2, 0))) int Collect(libbpf_print_level level, const char* format,
                                                  va_list arguments) {
  if (collector == nullptr || level != LIBBPF_WARN) {
    return 0;
  }
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length > 0) {
    const size_t start = collector->size();
    collector->resize(start + static_cast<size_t>(length) + 1);
    std::vsnprintf(collector->data() + start, static_cast<size_t>(length) + 1, format, arguments);
    collector->resize(start + static_cast<size_t>(length));
  }
  return length;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  libbpf_set_print(Collect);
  collector = &text_;
}

LibbpfLog::~LibbpfLog() {
  collector = nullptr;
}

std::string LibbpfLog::Tail() const {
  const absl::string_view text = absl::StripSuffix(text_, "\n");
  if (text.size() <= kTailBytes) {
    return std::string(text);
  }
  const size_t line = text.find('\n', text.size() - kTailBytes);
  return absl::StrCat("...", text.substr(line == absl::string_view::npos ? 0 : line));
}

absl::Status LibbpfLog::Error(int error, absl::string_view what) const {
  const absl::Status status = ErrnoError(error, what);
  if (text_.empty()) {
    return status;
  }
  return {status.code(), absl::StrCat(status.message(), "\n", Tail())};
}

}  // namespace stronghost
