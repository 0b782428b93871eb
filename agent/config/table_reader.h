// Reads the keys of one TOML table into plain values, and reports what is wrong on the way.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/config/document.h"
#include "agent/config/names.h"
#include "agent/config/source_map.h"
#include "agent/config/values.h"

namespace stronghost {

// Where reading leaves its traces; neither is owned by the readers.
struct ReadLog {
  SourceMap* sources = nullptr;
  std::vector<ConfigProblem>* problems = nullptr;

  void Add(Position position, absl::string_view message) const;
};

// Each reading method takes one key: absent, it leaves the output as it is (the default); present
// and wrong, it also reports the value, and marks the path as broken. Paths of list elements count
// the elements that were read, like Config's vectors. `table`, which must be a table, and `log`
// outlive the reader.
class TableReader {
 public:
  // `path` is the table's path in the source map ("" for the root), `title` is how a file names
  // it ("[agent]").
  TableReader(const TomlNode& table, std::string path, std::string title, const ReadLog& log);

  // `example` is shown when the value is no string.
  void Text(absl::string_view key, absl::string_view example, std::string* out);
  void Boolean(absl::string_view key, bool* out);
  // An integer of 0 to `most`.
  void Count(absl::string_view key, int most, int* out);
  // UDP or TCP ports, 1 to 65535.
  void Ports(absl::string_view key, std::vector<uint16_t>* out);
  void Time(absl::string_view key, Never never, absl::Duration* out);
  void Address(absl::string_view key, std::optional<IpAddress>* out);
  void AddressWithLength(absl::string_view key, std::optional<IpPrefix>* out);
  void Texts(absl::string_view key, absl::string_view example, std::vector<std::string>* out);
  void Addresses(absl::string_view key, absl::string_view example, std::vector<IpAddress>* out);
  // A table of addresses with numbers of 1 to `most`: { "198.51.100.1" = 3 }. The path of an entry
  // counts as of a list.
  void Weights(absl::string_view key, int most, std::vector<std::pair<IpAddress, int>>* out);
  template <typename Enum>
  void Choice(absl::string_view key, Enum* out);

  // The table under the key ("[agent]"); nullptr if there is none.
  const TomlNode* Table(absl::string_view key);
  // The tables of an array of tables ("[[group]]"). Their positions are the caller's to record.
  std::vector<const TomlNode*> Tables(absl::string_view key);

  // Reports every key that none of the methods above asked for.
  void ReportUnknownKeys() const;

 private:
  [[nodiscard]] std::string PathOf(absl::string_view key) const;
  // Title of the subtable, without brackets: "group.detect".
  [[nodiscard]] std::string NameOfTable(absl::string_view key) const;
  const TomlNode* Take(absl::string_view key);
  void Report(absl::string_view key, const TomlNode& node, absl::string_view message);
  // The text of a string value; reports all others.
  std::optional<absl::string_view> TextOf(absl::string_view key, const TomlNode& node,
                                          absl::string_view example);
  // The elements of an array; none (and a report) if it is something else.
  absl::Span<const TomlNode> Items(absl::string_view key, absl::string_view example);
  std::optional<size_t> ChoiceIndex(absl::string_view key,
                                    absl::Span<const absl::string_view> names);
  void SetItem(absl::string_view key, size_t index, const TomlNode& node);

  const TomlNode& table_;
  std::string path_;
  std::string title_;
  const ReadLog& log_;
  std::vector<absl::string_view> known_;  // keys asked for: string literals
};

template <typename Enum>
void TableReader::Choice(absl::string_view key, Enum* out) {
  const absl::Span<const EnumName<Enum>> values = EnumNames<Enum>();
  std::vector<absl::string_view> names;
  names.reserve(values.size());
  for (const EnumName<Enum>& entry : values) {
    names.push_back(entry.name);
  }
  if (const std::optional<size_t> index = ChoiceIndex(key, names); index.has_value()) {
    *out = values[*index].value;
  }
}

}  // namespace stronghost
