#include "tests/bench/tcp_load.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "tests/bench/bench.h"
#include "tests/lib/await.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::bench {
namespace {

constexpr size_t kChunk = size_t{256} * 1024;
constexpr int kCpu = 1;

double ProcessCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

struct Listener {
  UniqueFd fd;
  uint16_t port = 0;
};

absl::StatusOr<Listener> Listen(const TcpLoad& load) {
  Listener listener;
  ASSIGN_OR_RETURN(listener.fd, load.server.Socket(load.address.family(), SOCK_STREAM));
  ASSIGN_OR_RETURN(listener.port, lab::Bind(listener.fd, load.address, 0));
  if (listen(listener.fd.get(), 128) != 0) {
    return ErrnoError(errno, "listen");
  }
  return listener;
}

absl::StatusOr<UniqueFd> Connect(const TcpLoad& load, uint16_t port) {
  ASSIGN_OR_RETURN(UniqueFd fd, load.client.Socket(load.address.family(), SOCK_STREAM));
  const lab::SocketAddress to = lab::ToSocketAddress(load.address, port);
  if (connect(fd.get(), to.get(), to.length) != 0) {
    return ErrnoError(errno, "connect");
  }
  RETURN_IF_ERROR(lab::SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  return fd;
}

absl::StatusOr<UniqueFd> Accept(const UniqueFd& listener) {
  UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, "accept");
  }
  RETURN_IF_ERROR(lab::SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"));
  return fd;
}

// One byte there and back, from the side that begins.
bool Ask(int fd) {
  char byte = 'q';
  return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

bool Answer(int fd) {
  char byte = 0;
  return recv(fd, &byte, 1, 0) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1;
}

// Calls `ask` until the time is over.
template <typename Function>
absl::StatusOr<RequestRate> Repeat(absl::Duration time, Function&& ask) {
  RETURN_IF_ERROR(PinThisThread(kCpu));
  const double cpu = ProcessCpuNs();
  const int64_t begin = lab::MonotonicNow();
  const int64_t end = begin + absl::ToInt64Nanoseconds(time);
  double count = 0;
  int64_t now = begin;
  for (; now < end; now = lab::MonotonicNow()) {
    RETURN_IF_ERROR(ask());
    count += 1;
  }
  return RequestRate{.per_second = count * 1e9 / static_cast<double>(now - begin),
                     .cpu_ns = (ProcessCpuNs() - cpu) / count};
}

absl::Status Failed(const char* what) {
  return ErrnoError(errno != 0 ? errno : EPIPE, what);
}

}  // namespace

absl::StatusOr<double> StreamMegabytesPerSecond(const TcpLoad& load, bool server_sends) {
  ASSIGN_OR_RETURN(const Listener listener, Listen(load));
  ASSIGN_OR_RETURN(const UniqueFd client, Connect(load, listener.port));
  ASSIGN_OR_RETURN(const UniqueFd server, Accept(listener.fd));
  const int from = server_sends ? server.get() : client.get();
  const int to = server_sends ? client.get() : server.get();
  std::jthread sender([from] {
    const std::vector<char> chunk(kChunk);
    if (PinThisThread(kCpu).ok()) {
      while (send(from, chunk.data(), chunk.size(), MSG_NOSIGNAL) > 0) {
      }
    }
  });
  RETURN_IF_ERROR(PinThisThread(kCpu));
  std::vector<char> chunk(kChunk);
  // A quarter more beforehand, for the window to open.
  int64_t begin = lab::MonotonicNow() + absl::ToInt64Nanoseconds(load.time / 4);
  const int64_t end = begin + absl::ToInt64Nanoseconds(load.time);
  double bytes = 0;
  int64_t now = 0;
  while (now < end) {
    const ssize_t got = recv(to, chunk.data(), chunk.size(), 0);
    if (got <= 0) {
      shutdown(from, SHUT_RDWR);
      return Failed("receive a stream");
    }
    now = lab::MonotonicNow();
    if (now >= begin) {
      if (bytes == 0) {
        begin = now;
      }
      bytes += static_cast<double>(got);
    }
  }
  shutdown(from, SHUT_RDWR);
  return bytes * 1e3 / static_cast<double>(now - begin);
}

absl::StatusOr<RequestRate> RequestsPerSecond(const TcpLoad& load) {
  ASSIGN_OR_RETURN(const Listener listener, Listen(load));
  ASSIGN_OR_RETURN(const UniqueFd client, Connect(load, listener.port));
  ASSIGN_OR_RETURN(const UniqueFd server, Accept(listener.fd));
  std::jthread answers([&server] {
    if (PinThisThread(kCpu).ok()) {
      while (Answer(server.get())) {
      }
    }
  });
  auto rate = Repeat(load.time, [&client] {
    return Ask(client.get()) ? absl::OkStatus() : Failed("ask on a connection");
  });
  shutdown(client.get(), SHUT_RDWR);
  return rate;
}

absl::StatusOr<RequestRate> ConnectionsPerSecond(const TcpLoad& load) {
  ASSIGN_OR_RETURN(const Listener listener, Listen(load));
  std::jthread answers([&listener] {
    if (PinThisThread(kCpu).ok()) {
      while (true) {
        const auto fd = Accept(listener.fd);
        if (!fd.ok()) {
          return;
        }
        Answer(fd->get());
      }
    }
  });
  auto rate = Repeat(load.time, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const UniqueFd fd, Connect(load, listener.port));
    if (!Ask(fd.get())) {
      return Failed("ask on a new connection");
    }
    // Ended by RST: no port stays behind in TIME_WAIT.
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return absl::OkStatus();
  });
  shutdown(listener.fd.get(), SHUT_RDWR);
  return rate;
}

}  // namespace stronghost::bench
