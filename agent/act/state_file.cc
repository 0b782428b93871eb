#include "agent/act/state_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/act/state_json.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost {
namespace {

constexpr uint32_t kVersion = 1;
constexpr int kLockTries = 100;
constexpr absl::Duration kLockPause = absl::Milliseconds(10);

Json Encode(const LinkId& link) {
  return {{"link", ToInt(link.index)}, {"name", link.name}};
}

LinkId DecodeLink(const Json& json) {
  return {static_cast<IfIndex>(DecodeNumber(json.at("link"))), json.at("name").get<std::string>()};
}

Json Encode(const AgentState& state) {
  Json json = {{"sysctls", Json::object()},
               {"ifgroups", Json::array()},
               {"addresses", Json::array()},
               {"filters", Json::array()},
               {"drains", state.drains}};
  for (const auto& [path, original] : state.sysctls) {
    json["sysctls"][path] = original;
  }
  for (const auto& [link, group] : state.ifgroups) {
    Json entry = Encode(link);
    entry["group"] = group;
    json["ifgroups"].push_back(entry);
  }
  for (const AddedAddress& address : state.addresses) {
    json["addresses"].push_back({{"link", address.link}, {"ip", address.ip.ToString()}});
  }
  for (const FilterEntry& filter : state.filters) {
    json["filters"].push_back({{"link", ToInt(filter.link)}, {"mac", filter.mac.ToString()}});
  }
  if (state.inventory != Inventory{}) {
    json["inventory"] = EncodeInventory(state.inventory);
  }
  return json;
}

absl::StatusOr<AgentState> DecodeState(const Json& json) {
  try {
    AgentState state;
    for (const auto& [path, original] : json.at("sysctls").items()) {
      state.sysctls[path] = original.get<std::string>();
    }
    for (const Json& entry : json.at("ifgroups")) {
      state.ifgroups[DecodeLink(entry)] = DecodeNumber(entry.at("group"));
    }
    for (const Json& entry : json.at("addresses")) {
      state.addresses.insert({entry.at("link").get<std::string>(),
                              Decoded(IpPrefix::Parse(entry.at("ip").get<std::string>()))});
    }
    for (const Json& entry : json.at("filters")) {
      state.filters.insert({static_cast<IfIndex>(DecodeNumber(entry.at("link"))),
                            Decoded(MacAddress::Parse(entry.at("mac").get<std::string>()))});
    }
    // Files of before there were drains have none.
    for (const Json& nic : json.value("drains", Json::array())) {
      state.drains.insert(nic.get<std::string>());
    }
    if (const auto inventory = json.find("inventory"); inventory != json.end()) {
      state.inventory = DecodeInventory(*inventory);
    }
    return state;
  } catch (const std::exception& error) {
    return absl::DataLossError(error.what());
  }
}

absl::Status Damaged(const std::string& path, absl::string_view why) {
  return absl::DataLossError(absl::StrCat(
      "state file ", path, " is damaged (", why, "); mend it or move it away (then the agent ",
      "takes what it changed before, such as sysctls and added addresses, for the machine's own)"));
}

// The sections of `boot`, by namespace: an object. Empty where there is no file or an older boot's.
absl::StatusOr<Json> ReadSections(const std::string& path, const std::string& boot) {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (absl::IsNotFound(text.status())) {
    return Json::object();
  }
  RETURN_IF_ERROR(text.status());
  const Json json = Json::parse(*text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("version") || !json["version"].is_number_unsigned()) {
    return Damaged(path, "no JSON object with a version");
  }
  if (json["version"] != kVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "state file ", path, " has version ", json["version"].dump(), ", this program knows ",
        kVersion, "; let the program that wrote it do `stronghost detach`, or install it again"));
  }
  if (!json.contains("boot") || !json["boot"].is_string() || !json.contains("namespaces") ||
      !json["namespaces"].is_object()) {
    return Damaged(path, "no boot or namespaces in it");
  }
  return json["boot"] == boot ? json["namespaces"] : Json::object();
}

absl::Status WriteAll(int fd, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("write ", path, "; make room there"));
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Replaces `path` in the folder that `dir` is open on, whole or not at all, for good.
absl::Status Replace(const UniqueFd& dir, const std::string& path, absl::string_view text) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  const UniqueFd fd(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("create ", temporary, "; make its folder writable"));
  }
  RETURN_IF_ERROR(WriteAll(fd.get(), text, temporary));
  if (fsync(fd.get()) != 0) {
    return ErrnoError(errno, absl::StrCat("sync ", temporary, "; look after the disk"));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0 || fsync(dir.get()) != 0) {
    return ErrnoError(errno, absl::StrCat("put ", temporary, " in the place of ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenLocked(const std::string& dir) {
  UniqueFd fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(dir).parent_path(), error);
    mkdir(dir.c_str(), 0700);  // what failed shows in open()
    fd = UniqueFd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open state folder ", dir,
                                          "; make it, or set state_dir to one that exists"));
  }
  // Another namespace's daemon may be writing its section: it takes milliseconds. Whoever can read
  // the folder can lock it, for as long as he likes.
  for (int i = 0; i < kLockTries; ++i) {
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      return fd;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return ErrnoError(errno, absl::StrCat("lock state folder ", dir,
                                            "; set state_dir to a folder of a local disk"));
    }
    absl::SleepFor(kLockPause);
  }
  return absl::UnavailableError(absl::StrCat("state folder ", dir,
                                             " is locked by another process; close it to all but "
                                             "root (chmod 700)"));
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 16384> block{};
  ssize_t got = fd.valid() ? 1 : -1;
  while (got > 0) {
    got = read(fd.get(), block.data(), block.size());
    text.append(block.data(), got > 0 ? static_cast<size_t>(got) : 0);
    got = got < 0 && errno == EINTR ? 1 : got;
  }
  if (got < 0) {
    return ErrnoError(errno, absl::StrCat("read ", path));
  }
  return text;
}

absl::StatusOr<KernelInstance> KernelInstance::Current() {
  KernelInstance instance;
  ASSIGN_OR_RETURN(const std::string boot, ReadTextFile("/proc/sys/kernel/random/boot_id"));
  instance.boot = std::string(absl::StripAsciiWhitespace(boot));
  const UniqueFd any(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (any.valid() && getsockopt(any.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) {
    instance.netns = absl::StrCat(cookie);
    return instance;
  }
  // Before 5.14. An inode may be reused within a boot, a cookie is not.
  struct stat status {};
  if (stat("/proc/thread-self/ns/net", &status) != 0) {
    return ErrnoError(errno, "identify the network namespace by /proc/thread-self/ns/net");
  }
  instance.netns = absl::StrCat("inode-", status.st_ino);
  return instance;
}

StateFile::StateFile(std::string state_dir, KernelInstance instance)
    : dir_(std::move(state_dir)),
      path_(absl::StrCat(dir_, "/state.json")),
      instance_(std::move(instance)) {}

absl::StatusOr<StateFile> StateFile::Load(const std::string& state_dir, KernelInstance instance) {
  StateFile file(state_dir, std::move(instance));
  ASSIGN_OR_RETURN(const Json sections, ReadSections(file.path_, file.instance_.boot));
  file.had_others_ = sections.size() > sections.count(file.instance_.netns);
  if (const auto own = sections.find(file.instance_.netns); own != sections.end()) {
    absl::StatusOr<AgentState> state = DecodeState(*own);
    if (!state.ok()) {
      return Damaged(file.path_, state.status().message());
    }
    file.state_ = *std::move(state);
  }
  return file;
}

absl::Status StateFile::SaveAnew() {
  dirty_ = true;
  return Save();
}

absl::Status StateFile::Save() {
  if (!dirty_) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const UniqueFd dir, OpenLocked(dir_));
  ASSIGN_OR_RETURN(Json sections, ReadSections(path_, instance_.boot));
  sections.erase(instance_.netns);
  if (!state_.IsEmpty()) {
    sections[instance_.netns] = Encode(state_);
  }
  const Json json = {{"version", kVersion}, {"boot", instance_.boot}, {"namespaces", sections}};
  // Interface names are any bytes, JSON is UTF-8: dump() throws otherwise.
  std::string text;
  try {
    text = json.dump(2) + "\n";
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("write ", path_, ": ", error.what(), "; rename the interface"));
  }
  RETURN_IF_ERROR(Replace(dir, path_, text));
  dirty_ = false;
  return absl::OkStatus();
}

void StateFile::RecordSysctl(const std::string& path, const std::string& original) {
  dirty_ |= state_.sysctls.emplace(path, original).second;
}
void StateFile::ForgetSysctl(const std::string& path) {
  dirty_ |= state_.sysctls.erase(path) > 0;
}

void StateFile::RecordIfgroup(const LinkId& link, uint32_t original) {
  dirty_ |= state_.ifgroups.emplace(link, original).second;
}
void StateFile::ForgetIfgroup(const LinkId& link) {
  dirty_ |= state_.ifgroups.erase(link) > 0;
}

void StateFile::RecordAddress(const AddedAddress& address) {
  dirty_ |= state_.addresses.insert(address).second;
}
void StateFile::ForgetAddress(const AddedAddress& address) {
  dirty_ |= state_.addresses.erase(address) > 0;
}

void StateFile::RecordFilter(const FilterEntry& filter) {
  dirty_ |= state_.filters.insert(filter).second;
}
void StateFile::ForgetFilter(const FilterEntry& filter) {
  dirty_ |= state_.filters.erase(filter) > 0;
}

void StateFile::RecordDrain(const std::string& nic) {
  dirty_ |= state_.drains.insert(nic).second;
}
void StateFile::ForgetDrain(const std::string& nic) {
  dirty_ |= state_.drains.erase(nic) > 0;
}
void StateFile::SetInventory(const Inventory& inventory) {
  if (state_.inventory != inventory) {
    state_.inventory = inventory;
    dirty_ = true;
  }
}
void StateFile::ForgetDrains() {
  dirty_ |= !state_.drains.empty();
  state_.drains.clear();
}

}  // namespace stronghost
