#include "agent/config/names.h"

#include <array>

namespace stronghost {
namespace {

constexpr std::array kHostModels = {
    EnumName<HostModel>{"strong", HostModel::kStrong},
    EnumName<HostModel>{"weak", HostModel::kWeak},
};

constexpr std::array kMacModes = {
    EnumName<MacMode>{"auto", MacMode::kAuto},
    EnumName<MacMode>{"follow", MacMode::kFollow},
    EnumName<MacMode>{"stay", MacMode::kStay},
};

constexpr std::array kXdpModes = {
    EnumName<XdpMode>{"auto", XdpMode::kAuto},
    EnumName<XdpMode>{"native", XdpMode::kNative},
    EnumName<XdpMode>{"generic", XdpMode::kGeneric},
    EnumName<XdpMode>{"off", XdpMode::kOff},
};

constexpr std::array kTcModes = {
    EnumName<TcMode>{"auto", TcMode::kAuto},
    EnumName<TcMode>{"tcx", TcMode::kTcx},
    EnumName<TcMode>{"clsact", TcMode::kClsact},
};

constexpr std::array kConflictModes = {
    EnumName<ConflictMode>{"defend", ConflictMode::kDefend},
    EnumName<ConflictMode>{"report", ConflictMode::kReport},
};

constexpr std::array kProbeModes = {
    EnumName<ProbeMode>{"off", ProbeMode::kOff},
    EnumName<ProbeMode>{"on-suspicion", ProbeMode::kOnSuspicion},
    EnumName<ProbeMode>{"always", ProbeMode::kAlways},
};

constexpr std::array kSourceChoices = {
    EnumName<SourceChoice>{"routing", SourceChoice::kRouting},
    EnumName<SourceChoice>{"spread", SourceChoice::kSpread},
};

}  // namespace

template <>
absl::Span<const EnumName<HostModel>> EnumNames<HostModel>() {
  return kHostModels;
}

template <>
absl::Span<const EnumName<MacMode>> EnumNames<MacMode>() {
  return kMacModes;
}

template <>
absl::Span<const EnumName<XdpMode>> EnumNames<XdpMode>() {
  return kXdpModes;
}

template <>
absl::Span<const EnumName<TcMode>> EnumNames<TcMode>() {
  return kTcModes;
}

template <>
absl::Span<const EnumName<ConflictMode>> EnumNames<ConflictMode>() {
  return kConflictModes;
}

template <>
absl::Span<const EnumName<ProbeMode>> EnumNames<ProbeMode>() {
  return kProbeModes;
}

template <>
absl::Span<const EnumName<SourceChoice>> EnumNames<SourceChoice>() {
  return kSourceChoices;
}

}  // namespace stronghost
