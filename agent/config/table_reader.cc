#include "agent/config/table_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "agent/config/spelling.h"

namespace stronghost {
namespace {

std::string DidYouMean(absl::string_view word, absl::Span<const absl::string_view> candidates) {
  if (const auto nearest = NearestWord(word, candidates); nearest.has_value()) {
    return absl::StrCat("; did you mean '", *nearest, "'?");
  }
  return "";
}

std::string Quoted(absl::Span<const absl::string_view> words) {
  return absl::StrCat("\"", absl::StrJoin(words, "\", \""), "\"");
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

}  // namespace

void ReadLog::Add(Position position, absl::string_view message) const {
  problems->push_back({sources->file(), position.line, position.column, std::string(message)});
}

TableReader::TableReader(const TomlNode& table, std::string path, std::string title,
                         const ReadLog& log)
    : table_(table), path_(std::move(path)), title_(std::move(title)), log_(log) {
  log_.sources->Set(path_, table_.position);
}

void TableReader::Text(absl::string_view key, absl::string_view example, std::string* out) {
  if (const TomlNode* node = Take(key)) {
    if (const auto text = TextOf(key, *node, example); text.has_value()) {
      *out = std::string(*text);
    }
  }
}

void TableReader::Boolean(absl::string_view key, bool* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  if (node->kind != TomlKind::kBoolean) {
    Report(key, *node,
           absl::StrCat(key, " is ", KindName(node->kind), "; write true or false, no quotes"));
    return;
  }
  *out = node->boolean;
}

void TableReader::Count(absl::string_view key, int most, int* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  if (node->kind != TomlKind::kInteger) {
    Report(key, *node,
           absl::StrCat(key, " is ", KindName(node->kind), "; write a whole number, no quotes"));
  } else if (node->integer < 0 || node->integer > most) {
    Report(key, *node, absl::StrCat(key, " is ", node->integer, "; write 0 to ", most));
  } else {
    *out = static_cast<int>(node->integer);
  }
}

void TableReader::Ports(absl::string_view key, std::vector<uint16_t>* out) {
  for (const TomlNode& item : Items(key, "53")) {
    if (item.kind != TomlKind::kInteger) {
      Report(key, item,
             absl::StrCat(key, " holds ", KindName(item.kind), "; write port numbers, no quotes"));
    } else if (item.integer < 1 || item.integer > 65535) {
      Report(key, item, absl::StrCat(key, " holds ", item.integer, "; a port is 1 to 65535"));
    } else {
      SetItem(key, out->size(), item);
      out->push_back(static_cast<uint16_t>(item.integer));
    }
  }
}

void TableReader::Time(absl::string_view key, Never never, absl::Duration* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  const auto text = TextOf(key, *node, "\"5s\"");
  if (!text.has_value()) {
    return;
  }
  const auto time = ParseTime(*text, never);
  if (!time.ok()) {
    Report(key, *node, absl::StrCat(key, ": ", time.status().message()));
    return;
  }
  *out = *time;
}

void TableReader::Address(absl::string_view key, std::optional<IpAddress>* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  const auto text = TextOf(key, *node, "\"198.51.100.254\"");
  if (!text.has_value()) {
    return;
  }
  const auto address = ParseAddress(*text);
  if (!address.ok()) {
    Report(key, *node, absl::StrCat(key, ": ", address.status().message()));
    return;
  }
  *out = *address;
}

void TableReader::AddressWithLength(absl::string_view key, std::optional<IpPrefix>* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  const auto text = TextOf(key, *node, "\"198.51.100.1/24\"");
  if (!text.has_value()) {
    return;
  }
  const auto prefix = ParseAddressWithLength(*text);
  if (!prefix.ok()) {
    Report(key, *node, absl::StrCat(key, ": ", prefix.status().message()));
    return;
  }
  *out = *prefix;
}

void TableReader::Texts(absl::string_view key, absl::string_view example,
                        std::vector<std::string>* out) {
  for (const TomlNode& item : Items(key, example)) {
    if (const auto text = TextOf(key, item, example); text.has_value()) {
      SetItem(key, out->size(), item);
      out->emplace_back(*text);
    }
  }
}

void TableReader::Addresses(absl::string_view key, absl::string_view example,
                            std::vector<IpAddress>* out) {
  for (const TomlNode& item : Items(key, example)) {
    const auto text = TextOf(key, item, example);
    if (!text.has_value()) {
      continue;
    }
    const auto address = ParseAddress(*text);
    if (!address.ok()) {
      Report(key, item, absl::StrCat(key, ": ", address.status().message()));
      continue;
    }
    SetItem(key, out->size(), item);
    out->push_back(*address);
  }
}

void TableReader::Weights(absl::string_view key, int most,
                          std::vector<std::pair<IpAddress, int>>* out) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return;
  }
  if (node->kind != TomlKind::kTable) {
    Report(key, *node,
           absl::StrCat(key, " is ", KindName(node->kind),
                        "; write a table such as { \"198.51.100.1\" = 3 }"));
    return;
  }
  for (const TomlMember& member : node->members) {
    const TomlNode& value = member.value;
    const auto address = ParseAddress(member.key);
    if (!address.ok()) {
      log_.sources->MarkBroken(PathOf(key));
      log_.Add(member.position, absl::StrCat(key, ": ", address.status().message()));
    } else if (value.kind != TomlKind::kInteger) {
      Report(key, value,
             absl::StrCat("the weight of ", member.key, " is ", KindName(value.kind),
                          "; write a whole number, no quotes"));
    } else if (value.integer < 1 || value.integer > most) {
      Report(key, value,
             absl::StrCat("the weight of ", member.key, " is ", value.integer, "; write 1 to ",
                          most, ", or leave the address out by naming it under avoid"));
    } else {
      SetItem(key, out->size(), value);
      out->emplace_back(*address, static_cast<int>(value.integer));
    }
  }
}

const TomlNode* TableReader::Table(absl::string_view key) {
  const TomlNode* node = Take(key);
  if (node == nullptr || node->kind == TomlKind::kTable) {
    return node;
  }
  Report(key, *node,
         absl::StrCat(key, " is ", KindName(node->kind), "; write it as [", NameOfTable(key), "]"));
  return nullptr;
}

std::vector<const TomlNode*> TableReader::Tables(absl::string_view key) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return {};
  }
  const std::string mend = absl::StrCat("; write it as [[", NameOfTable(key), "]]");
  if (node->kind != TomlKind::kArray) {
    Report(key, *node, absl::StrCat(key, " is ", KindName(node->kind), mend));
    return {};
  }
  std::vector<const TomlNode*> tables;
  for (const TomlNode& item : node->items) {
    if (item.kind == TomlKind::kTable) {
      tables.push_back(&item);
    } else {
      Report(key, item, absl::StrCat(key, " holds ", KindName(item.kind), mend));
    }
  }
  return tables;
}

void TableReader::ReportUnknownKeys() const {
  for (const TomlMember& member : table_.members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) {
      continue;
    }
    std::string mend = DidYouMean(member.key, known_);
    if (mend.empty()) {
      mend = absl::StrCat("; it may have: ", absl::StrJoin(known_, ", "));
    }
    log_.Add(member.position, absl::StrCat("unknown key '", member.key, "' in ", title_, mend));
  }
}

std::string TableReader::PathOf(absl::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

std::string TableReader::NameOfTable(absl::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat("group.", key);
}

const TomlNode* TableReader::Take(absl::string_view key) {
  known_.push_back(key);
  const TomlNode* node = table_.Find(key);
  if (node != nullptr) {
    log_.sources->Set(PathOf(key), node->position);
  }
  return node;
}

void TableReader::Report(absl::string_view key, const TomlNode& node, absl::string_view message) {
  log_.sources->MarkBroken(PathOf(key));
  log_.Add(node.position, message);
}

std::optional<absl::string_view> TableReader::TextOf(absl::string_view key, const TomlNode& node,
                                                     absl::string_view example) {
  if (node.kind != TomlKind::kString) {
    Report(key, node,
           absl::StrCat(key, " has ", KindName(node.kind), "; write a string such as ", example));
    return std::nullopt;
  }
  if (HasControlCharacter(node.text)) {
    Report(key, node,
           absl::StrCat(
               key, " contains a control character; leave it out (a backslash is written \\\\)"));
    return std::nullopt;
  }
  return node.text;
}

absl::Span<const TomlNode> TableReader::Items(absl::string_view key, absl::string_view example) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return {};
  }
  if (node->kind != TomlKind::kArray) {
    Report(
        key, *node,
        absl::StrCat(key, " is ", KindName(node->kind), "; write a list such as [", example, "]"));
    return {};
  }
  return node->items;
}

std::optional<size_t> TableReader::ChoiceIndex(absl::string_view key,
                                               absl::Span<const absl::string_view> names) {
  const TomlNode* node = Take(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto text = TextOf(key, *node, absl::StrCat("\"", names.front(), "\""));
  if (!text.has_value()) {
    return std::nullopt;
  }
  const auto* const found = std::find(names.begin(), names.end(), *text);
  if (found == names.end()) {
    Report(key, *node,
           absl::StrCat(key, " cannot be '", *text, "'; write one of ", Quoted(names),
                        DidYouMean(*text, names)));
    return std::nullopt;
  }
  return static_cast<size_t>(found - names.begin());
}

void TableReader::SetItem(absl::string_view key, size_t index, const TomlNode& node) {
  log_.sources->Set(absl::StrCat(PathOf(key), "[", index, "]"), node.position);
}

}  // namespace stronghost
