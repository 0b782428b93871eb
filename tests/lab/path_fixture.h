// A lab with traffic through the gateway, and ears on the switch for what the server asks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/ping.h"

namespace stronghost::lab {

// A group with both gateways of the lab below, in both families.
inline std::string TwoGatewayKeys(const std::string& failback) {
  return absl::StrCat("failback = \"", failback,
                      "\"\ngateways = [\"198.51.100.254\", \"198.51.100.253\", \"2001:db8::fe\", "
                      "\"2001:db8::fd\"]\n");
}

class PathLab : public AgentLab {
 protected:
  // The kernel's own questions, which it asks in silence after 15 to 45 s, come later than any
  // test.
  void QuietKernel() {
    for (const char* family : {"ipv4", "ipv6"}) {
      for (int nic = 0; nic < plan().nic_count(); ++nic) {
        ASSERT_OK(lab().server().SetSysctl(
            absl::StrCat("net/", family, "/neigh/", LabPlan::Nic(nic), "/base_reachable_time_ms"),
            "600000"));
      }
    }
  }
  static constexpr MacAddress kSecondMac = {{0x02, 0, 0, 0, 0x30, 0x01}};

  // What was asked of a host, and by which MAC.
  struct Asked {
    MacAddress from;
    MacAddress to;
    bool v4 = true;
    std::string text;

    friend std::ostream& operator<<(std::ostream& out, const Asked& asked) {
      return out << asked.text;
    }
  };

  void Listen() {
    for (int nic = 0; nic < plan().nic_count(); ++nic) {
      auto port = Capture::Start(
          lab().switch_netns(), LabPlan::Port(nic),
          {.direction = CaptureOptions::Direction::kIncoming,
           .snap_length = 100,
           .filter = [](const CapturedFrame& frame) { return IsQuestion(frame.Parse()); }});
      ASSERT_OK(port);
      ports_.push_back(*std::move(port));
    }
  }
  // ARP requests, solicitations and echo requests of the server since Listen() or Forget().
  std::vector<Asked> Questions() {
    std::vector<Asked> all;
    for (const auto& port : ports_) {
      for (const CapturedFrame& frame : port->Frames()) {
        const Frame parsed = frame.Parse();
        all.push_back(
            {parsed.source, parsed.destination, parsed.arp.has_value(), parsed.ToString()});
      }
      EXPECT_EQ(port->Missed(), 0);
    }
    return all;
  }
  void Forget() {
    for (const auto& port : ports_) {
      port->Clear();
    }
  }

  // Streams between the first NIC's addresses and the network behind the gateway: out, and with
  // `both` in as well. IPv4 and IPv6.
  void StartFarStreams(std::vector<Stream>& streams, bool both = true, double rate = 200) {
    for (const int family : {AF_INET, AF_INET6}) {
      auto out = Stream::Start(
          lab().server(), lab().far(),
          {.destination = LabPlan::FarAddress(family), .rate = rate, .source = Address(0, family)});
      ASSERT_OK(out);
      streams.push_back(*std::move(out));
      if (!both) {
        continue;
      }
      auto in = Stream::Start(lab().far(), lab().server(),
                              {.destination = Address(0, family), .rate = rate});
      ASSERT_OK(in);
      streams.push_back(*std::move(in));
    }
  }

  // The kernel knows the gateway afterwards, on the first NIC.
  void MeetGateway() {
    for (const int family : {AF_INET, AF_INET6}) {
      ASSERT_OK(Ping(lab().server(), LabPlan::FarAddress(family),
                     {.timeout = absl::Seconds(5), .source = Address(0, family)}));
    }
  }

  // The gateway is off the air, or back.
  void SetGateway(bool up) {
    ASSERT_OK(lab().switch_netns().IpBatch(
        absl::StrCat("link set ", LabPlan::GatewayPort(0), up ? " up\n" : " down\n")));
  }

  // Another gateway, .253 and ::fd, with a network of its own to the far host.
  void AddSecondGateway() {
    auto netns = NetNs::Create("gateway2");
    ASSERT_OK(netns);
    second_.emplace(*std::move(netns));
    ASSERT_OK(second_->SetSysctl("net/ipv4/ip_forward", "1"));
    ASSERT_OK(second_->SetSysctl("net/ipv6/conf/all/forwarding", "1"));
    ASSERT_OK(lab().switch_netns().IpBatch(
        absl::StrCat("link add name pg9 type veth peer name eth0 address ", kSecondMac.ToString(),
                     " netns ", second_->name(), "\nlink set pg9 master br0 up\n")));
    ASSERT_OK(lab().far().IpBatch(
        absl::StrCat("link add name eth1 type veth peer name eth1 netns ", second_->name(), "\n",
                     "addr add 192.0.2.250/31 dev eth1\naddr add 2001:db8:9::1/64 dev eth1 nodad\n",
                     "link set eth1 up\n")));
    ASSERT_OK(second_->IpBatch(
        "addr add 198.51.100.253/24 dev eth0\naddr add 2001:db8::fd/64 dev eth0 nodad\n"
        "addr add 192.0.2.251/31 dev eth1\naddr add 2001:db8:9::2/64 dev eth1 nodad\n"
        "link set eth0 up\nlink set eth1 up\n"
        "route add 203.0.113.0/24 via 192.0.2.250\nroute add 2001:db8:1::/64 via 2001:db8:9::1\n"));
    // Forwarding hosts filter what does not come back the way it went.
    ASSERT_OK(lab().far().SetSysctl("net/ipv4/conf/all/rp_filter", "0"));
  }
  // As a routing protocol would: the far host's way to the server.
  void SendFarTrafficThroughTheSecond(bool yes) {
    ASSERT_OK(lab().far().IpBatch(yes ? "route replace 198.51.100.0/24 via 192.0.2.251\n"
                                        "route replace 2001:db8::/64 via 2001:db8:9::2\n"
                                      : "route del 198.51.100.0/24 via 192.0.2.251\n"
                                        "route del 2001:db8::/64 via 2001:db8:9::2\n"));
  }

  nlohmann::json OfGroup(const std::string& key) {
    auto status = agent().Status();
    return status.ok() ? (*status)["groups"][0][key] : nlohmann::json::array();
  }
  std::string CauseOf(const std::string& nic) {
    for (const nlohmann::json& entry : OfGroup("nics")) {
      if (entry["name"] == nic) {
        return entry["cause"].is_null() ? "" : entry["cause"].get<std::string>();
      }
    }
    return "?";
  }
  void AwaitCause(const std::string& nic, const std::string& cause) {
    ASSERT_OK(Await(
        absl::Seconds(40), [&] { return CauseOf(nic) == cause; },
        absl::StrCat("cause ", cause, " of ", nic)))
        << agent().Log();
  }
  std::string StateOf(const std::string& nic, const std::string& gateway) {
    for (const nlohmann::json& entry : OfGroup("gateways")) {
      if (entry["nic"] == nic && entry["ip"] == gateway) {
        return entry["state"].get<std::string>();
      }
    }
    return "?";
  }
  void AwaitGateway(const std::string& nic, const std::string& gateway, const std::string& state) {
    ASSERT_OK(Await(
        absl::Seconds(40), [&] { return StateOf(nic, gateway) == state; },
        absl::StrCat(gateway, " through ", nic, " to be ", state)))
        << agent().Log();
  }

  std::optional<NetNs> second_;
  std::vector<std::unique_ptr<Capture>> ports_;

 private:
  static bool IsQuestion(const Frame& frame) {
    if (frame.arp.has_value()) {  // an announcement asks for nobody
      return frame.arp->operation == 1 && frame.arp->sender != frame.arp->target;
    }
    if (frame.neighbor.has_value()) {
      // The kernel asks a link-local address back that asked it; no gateway here is known by one.
      return !frame.neighbor->advertisement && !frame.neighbor->target.IsLinkLocal();
    }
    return frame.icmp.has_value() && (frame.icmp->type == 8 || frame.icmp->type == 128);
  }
};

}  // namespace stronghost::lab
