#include "agent/datapath/pin_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/base/status.h"
#include "agent/datapath/bpffs.h"

namespace stronghost {
namespace {

constexpr char kLinks[] = "links";

absl::string_view Suffix(NicPin pin) {
  switch (pin) {
    case NicPin::kSteer:
      return "steer";
    case NicPin::kDeliver:
      return "deliver";
    case NicPin::kGuard:
      return "guard";
    case NicPin::kClsact:
      return "clsact";
    case NicPin::kQdisc:
      return "qdisc";
  }
  return "";
}

// mkdir -p below what exists.
absl::Status MakeFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string ancestor = path.substr(0, slash);
    if (mkdir(ancestor.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, absl::StrCat("create ", ancestor));
    }
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, absl::StrCat("create ", path));
  }
  return absl::OkStatus();
}

std::vector<std::string> List(const std::string& path) {
  struct CloseDir {
    void operator()(DIR* dir) const { closedir(dir); }
  };
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDir> dir(opendir(path.c_str()));
  while (dir != nullptr) {
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) {
      break;
    }
    names.emplace_back(entry->d_name);
  }
  return names;
}

absl::Status RemoveEntry(const std::string& path, const std::string& shown) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  if (errno == EISDIR && (rmdir(path.c_str()) == 0 || errno == ENOENT)) {
    return absl::OkStatus();
  }
  return ErrnoError(errno, absl::StrCat("remove ", shown));
}

}  // namespace

PinFolder::PinFolder(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

absl::StatusOr<PinFolder> PinFolder::OpenAt(const std::string& pin_dir, const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open the pin folder ", pin_dir));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat(
          "pin folder ", pin_dir, " is in use by another stronghostd; stop it, or give this one ",
          "a pin_dir of its own"));
    }
    return ErrnoError(errno, absl::StrCat("lock the pin folder ", pin_dir));
  }
  return PinFolder(pin_dir, std::move(fd));
}

absl::StatusOr<PinFolder> PinFolder::OpenOrCreate(const std::string& pin_dir) {
  ASSIGN_OR_RETURN(const std::string path, FindOnBpffs(pin_dir, BpffsMount::kIfAbsent));
  RETURN_IF_ERROR(Annotate(MakeFolders(path), "pin folder"));
  ASSIGN_OR_RETURN(PinFolder folder, OpenAt(pin_dir, path));
  // A detach may have removed the folder between mkdir and lock: links/ can't be made in it then.
  RETURN_IF_ERROR(Annotate(MakeFolders(folder.Path(kLinks)), "pin folder"));
  return folder;
}

absl::StatusOr<PinFolder> PinFolder::OpenExisting(const std::string& pin_dir) {
  ASSIGN_OR_RETURN(const std::string path, FindOnBpffs(pin_dir, BpffsMount::kNever));
  return OpenAt(pin_dir, path);
}

std::string PinFolder::Path(absl::string_view relative) const {
  return absl::StrCat("/proc/self/fd/", fd_.get(), "/", relative);
}

std::string PinFolder::MapPath(absl::string_view map) const {
  return Path(map);
}

std::string PinFolder::NicPath(IfIndex link, NicPin pin) const {
  return Path(absl::StrCat(kLinks, "/", ToInt(link), "-", Suffix(pin)));
}

std::vector<std::string> PinFolder::Maps() const {
  std::vector<std::string> maps = List(Path(""));
  std::erase_if(maps, [](const std::string& name) { return !absl::StartsWith(name, "sh_"); });
  std::sort(maps.begin(), maps.end());
  return maps;
}

// sh_homes last: it says which layout the others have.
absl::Status PinFolder::SetMapsAside(uint32_t homes_id) const {
  for (const std::string& map : Maps()) {
    if (map != "sh_homes" && !absl::StartsWith(map, kHomesBefore)) {
      RETURN_IF_ERROR(RemoveEntry(MapPath(map), absl::StrCat(name_, "/", map)));
    }
  }
  const std::string before = MapPath(absl::StrCat(kHomesBefore, homes_id));
  if (rename(MapPath("sh_homes").c_str(), before.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(errno, absl::StrCat("set ", name_, "/sh_homes aside"));
  }
  return absl::OkStatus();
}

bool PinFolder::HasMapsBefore() const {
  const std::vector<std::string> maps = Maps();
  return std::any_of(maps.begin(), maps.end(),
                     [](const std::string& map) { return absl::StartsWith(map, kHomesBefore); });
}

absl::Status PinFolder::ForgetMapsBefore() const {
  for (const std::string& map : Maps()) {
    if (absl::StartsWith(map, kHomesBefore)) {
      RETURN_IF_ERROR(RemoveEntry(MapPath(map), absl::StrCat(name_, "/", map)));
    }
  }
  return absl::OkStatus();
}

std::vector<IfIndex> PinFolder::Nics() const {
  std::vector<IfIndex> nics;
  for (const std::string& name : List(Path(kLinks))) {
    uint32_t index = 0;
    if (absl::SimpleAtoi(name.substr(0, name.find('-')), &index) && index != 0) {
      nics.push_back(IfIndex{index});
    }
  }
  std::sort(nics.begin(), nics.end());
  nics.erase(std::unique(nics.begin(), nics.end()), nics.end());
  return nics;
}

bool PinFolder::Has(IfIndex link, NicPin pin) const {
  return access(NicPath(link, pin).c_str(), F_OK) == 0;
}

absl::Status PinFolder::Remember(IfIndex link, NicPin pin) const {
  return Annotate(MakeFolders(NicPath(link, pin)), name_);
}

absl::Status PinFolder::Forget(IfIndex link, NicPin pin) const {
  return RemoveEntry(NicPath(link, pin),
                     absl::StrCat(name_, "/", kLinks, "/", ToInt(link), "-", Suffix(pin)));
}

std::string PinFolder::LinkPath(absl::string_view name) const {
  return Path(absl::StrCat(kLinks, "/", name));
}

absl::Status PinFolder::ReplaceLink(absl::string_view staged, absl::string_view name) const {
  if (rename(LinkPath(staged).c_str(), LinkPath(name).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("put ", name_, "/", kLinks, "/", name, " in place"));
  }
  return absl::OkStatus();
}

absl::Status PinFolder::ForgetLink(absl::string_view name) const {
  return RemoveEntry(LinkPath(name), absl::StrCat(name_, "/", kLinks, "/", name));
}

absl::Status PinFolder::Destroy() const {
  for (const std::string& map : Maps()) {
    RETURN_IF_ERROR(RemoveEntry(MapPath(map), absl::StrCat(name_, "/", map)));
  }
  RETURN_IF_ERROR(RemoveEntry(Path(kLinks), absl::StrCat(name_, "/", kLinks)));
  // The open folder's own parent: the way by which it was found may be gone.
  const absl::string_view path = absl::StripSuffix(name_, "/");
  return RemoveEntry(Path(absl::StrCat("../", path.substr(path.rfind('/') + 1))), name_);
}

}  // namespace stronghost
