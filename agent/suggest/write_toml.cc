#include "agent/suggest/write_toml.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/suggest/toml_text.h"

namespace stronghost {
namespace {

constexpr int kIndent = 2;

std::string Head(const Suggestion& suggestion) {
  std::string text = absl::StrCat(
      TomlComment("Suggested by `stronghost suggest` for this host as it is now. Read it, correct "
                  "it, put it into /etc/stronghost/stronghost.toml, and check it:"),
      "#     stronghostd --check\n",
      TomlComment("stronghost.toml(5) explains every key. Lines that begin with \"#\" and a key "
                  "are settings: take the \"#\" away to use them."),
      "#\n");
  absl::StrAppend(
      &text,
      suggestion.probed
          ? TomlComment("NICs are in one group if they heard each other: each sent up to three "
                        "small broadcast frames, and the others listened.")
          : TomlComment("GUESSED: nothing was sent (--no-probe), so NICs are in one group if they "
                        "have addresses in one subnet. Two switches with one subnet, or one switch "
                        "with two subnets, look different; ask without --no-probe."));
  for (const std::string& note : suggestion.notes) {
    absl::StrAppend(&text, "#\n", TomlComment(note));
  }
  absl::StrAppend(
      &text, "#\n# What cannot be known from here:\n",
      TomlComment("whether the network lets a MAC move to another port (port security, clouds); "
                  "write mac = \"stay\" where it does not",
                  0, "- "),
      TomlComment("what a switch held back, for example on a port that was plugged in just now; "
                  "ask twice",
                  0, "- "),
      TomlComment("networks that a router sends to this host (see [[group.prefix]]), and "
                  "further gateways",
                  0, "- "));
  if (!suggestion.left_out.empty()) {
    absl::StrAppend(&text, "#\n# Left out:\n");
  }
  for (const LeftOut& left : suggestion.left_out) {
    absl::StrAppend(&text, TomlComment(absl::StrCat(left.nic, " ", left.reason), 0, "- "));
  }
  return text;
}

std::string NicComment(const SuggestedNic& nic) {
  std::string text =
      TomlComment(absl::StrCat(nic.name, ": MAC ", nic.mac.ToString(), ", driver ",
                               nic.driver.empty() ? "not known" : nic.driver, ", MTU ", nic.mtu));
  for (const SuggestedAddress& address : nic.addresses) {
    absl::StrAppend(&text,
                    TomlComment(absl::StrCat(address.ip, " (", address.origin, ")"), 0, "  "));
  }
  return text;
}

std::string PrefixText(const SuggestedPrefix& prefix) {
  return absl::StrCat(
      "\n",
      TomlComment(absl::StrCat(prefix.prefix.ToString(), ", ", prefix.why,
                               ": use this if it is reached from outside, and so neither "
                               "masqueraded nor local to this host."),
                  kIndent),
      "  #[[group.prefix]]\n  #prefix = ", TomlString(prefix.prefix.ToString()),
      "\n  #home = ", TomlString(prefix.home), "\n");
}

std::string GroupText(const SuggestedGroup& group) {
  std::string text = "\n";
  for (const std::string& note : group.notes) {
    absl::StrAppend(&text, TomlComment(note, 0, "- "));
  }
  absl::StrAppend(&text, "[[group]]\nname = ", TomlString(group.config.name), "\n");
  absl::StrAppend(&text, "nics = ", TomlList(group.config.nics), "\n");
  absl::StrAppend(&text, "#mac = \"auto\"\n");
  absl::StrAppend(&text, TomlComment("What is found on the members is managed, also what comes "
                                     "later. Now that is:"));
  for (const SuggestedNic& nic : group.nics) {
    absl::StrAppend(&text, NicComment(nic));
  }
  absl::StrAppend(&text, "adopt = true\n");
  for (const std::string& note : group.gateway_notes) {
    absl::StrAppend(&text, TomlComment(note));
  }
  if (!group.config.gateways.empty()) {
    std::vector<std::string> gateways;
    for (const IpAddress& gateway : group.config.gateways) {
      gateways.push_back(gateway.ToString());
    }
    absl::StrAppend(&text, TomlComment("The static default routes of the system."),
                    "gateways = ", TomlList(gateways), "\n");
  } else if (group.gateway_notes.empty()) {
    absl::StrAppend(&text,
                    TomlComment("The system has no default route through these NICs. If "
                                "there is a gateway, name it:"),
                    "#gateways = []\n");
  }
  for (const SuggestedPrefix& prefix : group.prefixes) {
    absl::StrAppend(&text, PrefixText(prefix));
  }
  return text;
}

}  // namespace

std::string ToToml(const Suggestion& suggestion) {
  std::string text = Head(suggestion);
  for (const SuggestedGroup& group : suggestion.groups) {
    absl::StrAppend(&text, GroupText(group));
  }
  return text;
}

}  // namespace stronghost
