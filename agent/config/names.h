// The words for the enumerations of config.h, in the file and in every output.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/config/config.h"

namespace stronghost {

template <typename Enum>
struct EnumName {
  absl::string_view name;
  Enum value;
};

// All values of an enumeration with their words, in the order of declaration.
template <typename Enum>
absl::Span<const EnumName<Enum>> EnumNames();
template <>
absl::Span<const EnumName<HostModel>> EnumNames<HostModel>();
template <>
absl::Span<const EnumName<MacMode>> EnumNames<MacMode>();
template <>
absl::Span<const EnumName<XdpMode>> EnumNames<XdpMode>();
template <>
absl::Span<const EnumName<TcMode>> EnumNames<TcMode>();
template <>
absl::Span<const EnumName<ConflictMode>> EnumNames<ConflictMode>();
template <>
absl::Span<const EnumName<ProbeMode>> EnumNames<ProbeMode>();
template <>
absl::Span<const EnumName<SourceChoice>> EnumNames<SourceChoice>();

// The word for a value: NameOf(MacMode::kStay) is "stay".
template <typename Enum>
absl::string_view NameOf(Enum value) {
  for (const EnumName<Enum>& entry : EnumNames<Enum>()) {
    if (entry.value == value) {
      return entry.name;
    }
  }
  return "?";
}

}  // namespace stronghost
