// Outcomes as gtest prints them.
#include <ostream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/packet/programs.h"

namespace stronghost::packet {

std::string VerdictName(sh_verdict verdict) {
  switch (verdict) {
#define SH_VERDICT_CASE(constant, name, meaning) \
  case SH_##constant:                            \
    return name;
    SH_VERDICTS(SH_VERDICT_CASE)
#undef SH_VERDICT_CASE
    case SH_VERDICT_COUNT:
      break;
  }
  return absl::StrCat("verdict ", static_cast<int>(verdict));
}

std::ostream& operator<<(std::ostream& out, const Count& count) {
  return out << VerdictName(count.verdict) << " of home " << count.home;
}

std::ostream& operator<<(std::ostream& out, const Mark& mark) {
  const char* kind = mark.magic == kMarkOut ? "out" : mark.magic == kMarkIn ? "in" : "malformed";
  return out << kind << " mark, home " << mark.home << ", hops " << mark.hops;
}

std::ostream& operator<<(std::ostream& out, Program program) {
  switch (program) {
    case Program::kSteer:
      return out << "steer";
    case Program::kDeliver:
      return out << "deliver";
    case Program::kGuard:
      return out << "guard";
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << "action " << outcome.action << "; ";
  if (outcome.count.has_value()) {
    out << *outcome.count << "; ";
  }
  if (outcome.mark.has_value()) {
    out << *outcome.mark << "; ";
  }
  const std::string bytes(outcome.frame.begin(), outcome.frame.end());
  return out << outcome.frame.size() << " bytes " << absl::BytesToHexString(bytes);
}

}  // namespace stronghost::packet
