#include "agent/config/load.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "agent/config/document.h"
#include "agent/config/table_reader.h"
#include "agent/config/validate.h"

namespace stronghost {
namespace {

constexpr size_t kMaxFileSize = 64U << 20U;
constexpr absl::string_view kNicExample = "\"eth0\"";
constexpr absl::string_view kAddressExample = "\"198.51.100.1\"";
constexpr absl::string_view kGatewayExample = "\"198.51.100.254\"";

void ReadAgent(const TomlNode& node, const ReadLog& log, Config* config) {
  TableReader agent(node, "agent", "[agent]", log);
  agent.Text("socket", "\"/run/stronghost/stronghost.sock\"", &config->socket);
  agent.Text("pin_dir", "\"/sys/fs/bpf/stronghost\"", &config->pin_dir);
  agent.Text("state_dir", "\"/var/lib/stronghost\"", &config->state_dir);
  agent.Text("metrics", "\"127.0.0.1:9842\"", &config->metrics);
  agent.Choice("host_model", &config->host_model);
  agent.Choice("tc", &config->tc);
  agent.Text("cgroup", "\"auto\"", &config->cgroup);
  agent.Ports("reply_source_except", &config->reply_source_except);
  agent.Count("reply_mark", kMaxReplyMark, &config->reply_mark);
  agent.ReportUnknownKeys();
}

void ReadDetect(const TomlNode& node, const std::string& path, const ReadLog& log,
                DetectConfig* config) {
  TableReader detect(node, path, "[group.detect]", log);
  detect.Time("carrier_poll", Never::kRefused, &config->carrier_poll);
  detect.Choice("probe", &config->probe);
  detect.Addresses("probe_targets", kGatewayExample, &config->probe_targets);
  detect.ReportUnknownKeys();
}

// One gateway alone has a key of its own.
void ReadOwnGateways(const TomlNode& node, const std::string& path, TableReader& address,
                     const ReadLog& log, std::vector<IpAddress>* gateways) {
  std::optional<IpAddress> gateway;
  address.Address("gateway", &gateway);
  address.Addresses("gateways", kGatewayExample, gateways);
  if (const TomlNode* list = node.Find("gateways");
      list != nullptr && node.Find("gateway") != nullptr) {
    log.Add(list->position,
            "the address has both gateway and gateways; write all into gateways, the preferred "
            "one first");
  } else if (gateway.has_value()) {
    *gateways = {*gateway};
    log.sources->Set(absl::StrCat(path, ".gateways[0]"),
                     log.sources->Find(absl::StrCat(path, ".gateway")));
  }
}

void ReadSource(const TomlNode& node, const std::string& path, const ReadLog& log,
                SourceConfig* config) {
  TableReader source(node, path, "[group.source]", log);
  source.Choice("choose", &config->choose);
  source.Addresses("prefer", kAddressExample, &config->prefer);
  source.Addresses("avoid", kAddressExample, &config->avoid);
  source.Weights("weights", kMaxSourceWeight, &config->weights);
  source.ReportUnknownKeys();
}

// An entry without usable `ip` stays, marked as broken, so that paths count like the file does.
void ReadAddress(const TomlNode& node, const std::string& group_path, const ReadLog& log,
                 GroupConfig* group) {
  const std::string path = absl::StrCat(group_path, ".address[", group->addresses.size(), "]");
  AddressConfig config;
  std::optional<IpPrefix> ip;
  TableReader address(node, path, "[[group.address]]", log);
  address.AddressWithLength("ip", &ip);
  address.Text("home", kNicExample, &config.home);
  ReadOwnGateways(node, path, address, log, &config.gateways);
  address.ReportUnknownKeys();
  if (ip.has_value()) {
    config.ip = *ip;
  } else {
    if (node.Find("ip") == nullptr) {
      log.Add(node.position, "the address has no ip; add ip = \"198.51.100.1/24\"");
    }
    log.sources->MarkBroken(absl::StrCat(path, ".ip"));
    log.sources->MarkBroken(absl::StrCat(group_path, ".address"));
  }
  group->addresses.push_back(std::move(config));
}

// As ReadAddress().
void ReadPrefix(const TomlNode& node, const std::string& group_path, const ReadLog& log,
                GroupConfig* group) {
  const std::string path = absl::StrCat(group_path, ".prefix[", group->prefixes.size(), "]");
  PrefixConfig config;
  std::optional<IpPrefix> prefix;
  TableReader entry(node, path, "[[group.prefix]]", log);
  entry.AddressWithLength("prefix", &prefix);
  entry.Text("home", kNicExample, &config.home);
  entry.ReportUnknownKeys();
  if (prefix.has_value()) {
    config.prefix = *prefix;
  } else {
    if (node.Find("prefix") == nullptr) {
      log.Add(node.position, "the entry has no prefix; add prefix = \"203.0.113.64/28\"");
    }
    log.sources->MarkBroken(absl::StrCat(path, ".prefix"));
  }
  group->prefixes.push_back(std::move(config));
}

GroupConfig ReadGroup(const TomlNode& node, const std::string& path, const ReadLog& log) {
  GroupConfig config;
  TableReader group(node, path, "[[group]]", log);
  group.Text("name", "\"front\"", &config.name);
  group.Texts("nics", kNicExample, &config.nics);
  group.Texts("standby", kNicExample, &config.standby);
  group.Boolean("adopt", &config.adopt);
  group.Choice("mac", &config.mac);
  group.Choice("xdp", &config.xdp);
  group.Addresses("gateways", kGatewayExample, &config.gateways);
  group.Time("failback", Never::kAllowed, &config.failback);
  group.Time("relocate_after", Never::kAllowed, &config.relocate_after);
  group.Choice("conflict", &config.conflict);
  group.Count("flap_limit", kMaxFlapLimit, &config.flap_limit);
  group.Boolean("policy_rules", &config.policy_rules);
  if (const TomlNode* detect = group.Table("detect")) {
    ReadDetect(*detect, absl::StrCat(path, ".detect"), log, &config.detect);
  }
  if (const TomlNode* source = group.Table("source")) {
    ReadSource(*source, absl::StrCat(path, ".source"), log, &config.source);
  }
  for (const TomlNode* address : group.Tables("address")) {
    ReadAddress(*address, path, log, &config);
  }
  for (const TomlNode* prefix : group.Tables("prefix")) {
    ReadPrefix(*prefix, path, log, &config);
  }
  group.ReportUnknownKeys();
  return config;
}

void ReadRoot(const TomlNode& node, const ReadLog& log, Config* config) {
  TableReader root(node, "", "the file", log);
  if (const TomlNode* agent = root.Table("agent")) {
    ReadAgent(*agent, log, config);
  }
  for (const TomlNode* group : root.Tables("group")) {
    config->groups.push_back(ReadGroup(*group, GroupPath(config->groups.size()), log));
  }
  root.ReportUnknownKeys();
}

// One line of clean text: keys and TOML errors quote the file, whatever bytes it holds.
void MakePrintable(std::string* message) {
  std::replace_if(
      message->begin(), message->end(),
      [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }, '?');
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return Annotate(ErrnoError(errno, "open"), "cannot read the configuration");
  }
  std::string text;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return Annotate(ErrnoError(errno, "read"), "cannot read the configuration");
    }
    if (got == 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() > kMaxFileSize) {
      return absl::InvalidArgumentError("the file is larger than 64 MiB; is it the right one?");
    }
  }
}

}  // namespace

LoadedConfig LoadConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    LoadedConfig loaded;
    loaded.sources = SourceMap(path);
    loaded.problems.push_back({path, 0, 0, Message(text.status())});
    return loaded;
  }
  return ParseConfig(*text, path);
}

LoadedConfig ParseConfig(absl::string_view text, absl::string_view file) {
  LoadedConfig loaded;
  loaded.sources = SourceMap(std::string(file));
  TomlDocument document = ParseToml(text, file);
  if (document.problem.has_value()) {
    loaded.problems.push_back(*std::move(document.problem));
    MakePrintable(&loaded.problems.back().message);
    return loaded;
  }
  const ReadLog log{&loaded.sources, &loaded.problems};
  ReadRoot(document.root, log, &loaded.config);
  std::vector<ConfigProblem> more = ValidateConfig(loaded.config, loaded.sources);
  std::move(more.begin(), more.end(), std::back_inserter(loaded.problems));
  for (ConfigProblem& problem : loaded.problems) {
    MakePrintable(&problem.message);
  }
  std::stable_sort(loaded.problems.begin(), loaded.problems.end(),
                   [](const ConfigProblem& a, const ConfigProblem& b) {
                     return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                   });
  return loaded;
}

}  // namespace stronghost
