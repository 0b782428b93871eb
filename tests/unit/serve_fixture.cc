#include "tests/unit/serve_fixture.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "agent/serve/unix_listener.h"

namespace stronghost::testing {
namespace {

constexpr int kPatience = 10'000;  // milliseconds

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

bool AwaitInput(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, kPatience) == 1;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = "/tmp/sh-unit-XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

StatusReport SampleStatus() {
  const absl::Time pulled = kNoon - absl::Seconds(133);
  const absl::Time start = kNoon - absl::Hours(3);
  StatusReport report;
  report.groups = {
      {.name = "front",
       .mac = "follow",
       .nics = {{.name = "eth0",
                 .ifindex = IfIndex{2},
                 .mac = *MacAddress::Parse("02:00:5e:10:00:01"),
                 .state = "down",
                 .home = HomeIndex{1},
                 .carrier = false,
                 .xdp = "native",
                 .tc = "tcx",
                 .notes = {},
                 .since = pulled},
                {.name = "eth1",
                 .ifindex = IfIndex{3},
                 .mac = *MacAddress::Parse("02:00:5e:10:00:02"),
                 .state = "up",
                 .home = HomeIndex{2},
                 .carrier = true,
                 .xdp = "generic",
                 .tc = "clsact",
                 .notes = {"generic XDP: the driver has no native one"},
                 .since = start}},
       .addresses = {{.ip = "198.51.100.1", .home = "eth0", .wire = "eth1", .since = pulled},
                     {.ip = "2001:db8::1", .home = "eth0", .wire = "eth1", .since = pulled},
                     {.ip = "fe80::1%eth1", .home = "eth1", .wire = "eth1", .since = start}},
       .prefixes = {{.prefix = "192.0.2.64/28", .home = "eth0", .wire = "eth1"}}},
      {.name = "back",
       .mac = "stay",
       .nics = {{.name = "eth2", .state = "missing", .xdp = "off", .tc = "tcx", .notes = {}}},
       .addresses = {{.ip = "203.0.113.1", .home = "eth2", .wire = ""}},
       .prefixes = {{.prefix = "2001:db8:a::/64", .home = "eth2", .wire = ""}}}};
  report.counters = {{"in_deliver", 7}, {"out_pass", 18446744073709551615U}};
  report.nic_counters = {{"eth0", {{"out_pass", {.packets = 18446744073709551615U, .bytes = 9}}}},
                         {"eth1", {{"in_deliver", {.packets = 7, .bytes = 700}}}}};
  report.problems = {"eth2 is missing; is its driver loaded?"};
  report.agent = {.version = "0.1.0",
                  .pid = 4711,
                  .started = start,
                  .carrier_signals = {"egress", "poll"},
                  .no_fentry = "the kernel refuses it; lift its lockdown",
                  .pin_dir = "/sys/fs/bpf/stronghost"};
  return report;
}

StatusReport LargeStatus(int count) {
  StatusReport report = SampleStatus();
  std::vector<AddressReport>& addresses = report.groups[0].addresses;
  addresses.clear();
  for (int i = 0; i < count; ++i) {
    addresses.push_back({.ip = absl::StrCat("2001:db8::", absl::Hex(i + 1)),
                         .home = "eth0",
                         .wire = "eth1",
                         .since = kNoon});
  }
  return report;
}

ExplainReport SampleExplain() {
  return {.source = "198.51.100.1",
          .destination = "203.0.113.9",
          .home = "eth0",
          .wire = "eth1",
          .action = "redirect",
          .next_hop = "198.51.100.254",
          .why = {"198.51.100.1 is owned by eth0", "eth0 has no carrier: eth1 stands in"}};
}

StatusReport FakeAgent::Status() {
  ++status_calls;
  return status;
}

absl::StatusOr<ExplainReport> FakeAgent::Explain(const IpAddress& source,
                                                 const IpAddress& destination,
                                                 const std::string& scope) {
  asked = absl::StrCat(source.ToString(), " ", destination.ToString(), " ", scope);
  return explain;
}

class FakeTrace : public TraceSession {
 public:
  explicit FakeTrace(const std::vector<Event>& packets) : packets_(packets) {}
  std::optional<Event> Take() override {
    return next_ < packets_.size() ? std::optional(packets_[next_++]) : std::nullopt;
  }

 private:
  std::vector<Event> packets_;
  size_t next_ = 0;
};

absl::StatusOr<std::unique_ptr<TraceSession>> FakeAgent::Trace(const TraceOrder& order) {
  asked = absl::StrCat("trace ", order.address.value_or(IpAddress()).ToString(), " ", order.nic,
                       " ", absl::StrJoin(order.verdicts, " "));
  if (!trace.ok()) {
    return trace;
  }
  return std::make_unique<FakeTrace>(packets);
}

absl::StatusOr<DrainReport> FakeAgent::Drain(const std::string& nic, bool force) {
  asked = absl::StrCat("drain ", nic, force ? " by force" : "");
  feed.Add({.time = kNoon,
            .event = "drain",
            .nic = nic,
            .detail = absl::StrCat(nic, " is taken out of service")});
  return drain;
}

absl::StatusOr<DrainReport> FakeAgent::Undrain(const std::string& nic) {
  asked = absl::StrCat("undrain ", nic);
  return drain;
}

absl::StatusOr<WhatIfReport> FakeAgent::WhatIf(const std::vector<std::string>& nics, bool gone) {
  asked = absl::StrCat("what-if ", absl::StrJoin(nics, " "), gone ? " gone" : "");
  return what_if;
}

absl::StatusOr<MoveReport> FakeAgent::Move(const IpAddress& address, const std::string& nic) {
  asked = absl::StrCat("move ", address.ToString(), " ", nic);
  return move;
}

absl::Status FakeAgent::Detach() {
  ++detach_calls;
  if (detach.ok() && loop != nullptr) {
    sd_event_exit(loop, 0);
  }
  return detach;
}

ServerThread::ServerThread(const std::string& path, FakeAgent* agent, VarlinkServer::Limits limits)
    : stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  EXPECT_GE(sd_event_new(&loop_), 0);
  agent->loop = loop_;
  auto server = VarlinkServer::Start(loop_, path, agent, limits);
  started_ = server.status();
  if (!server.ok()) {
    return;
  }
  server_ = *std::move(server);
  agent->feed.OnAdd([this] { server_->Wake(); });
  sd_event_add_io(
      loop_, nullptr, stop_.get(), EPOLLIN,
      [](sd_event_source* source, int, uint32_t, void*) {
        return sd_event_exit(sd_event_source_get_event(source), 0);
      },
      nullptr);
  thread_ = std::thread([this] {
    sd_event_loop(loop_);
    server_.reset();
  });
}

void ServerThread::Stop() {
  if (thread_.joinable()) {
    EXPECT_EQ(eventfd_write(stop_.get(), 1), 0);
    thread_.join();
  }
  loop_ = sd_event_unref(loop_);
}

RawClient::RawClient(const std::string& path) {
  auto fd = ConnectUnix(path, kPatience);
  if (fd.ok()) {
    fd_ = *std::move(fd);
  }
}

bool RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void RawClient::CloseSending() {
  shutdown(fd_.get(), SHUT_WR);
}

std::optional<std::string> RawClient::Receive() {
  std::array<char, 65536> bytes{};
  while (!framer_.HasMessage()) {
    if (!AwaitInput(fd_.get())) {
      return std::nullopt;
    }
    const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0 ||
        !framer_.Append(absl::string_view(bytes.data(), static_cast<size_t>(count))).ok()) {
      return std::nullopt;
    }
  }
  return framer_.Next();
}

bool RawClient::HungUp() {
  char byte = 0;
  // A reset (unread input on the server's side) is a hang-up too.
  return !framer_.HasMessage() && AwaitInput(fd_.get()) && recv(fd_.get(), &byte, 1, 0) <= 0;
}

std::string Call(const std::string& method, const Json& parameters) {
  return EncodeVarlinkCall({.method = method, .parameters = parameters});
}

}  // namespace stronghost::testing
