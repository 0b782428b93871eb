#include "agent/base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <type_traits>
#include <utility>

namespace stronghost {
namespace {

int OpenNull() {
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}
bool IsOpen(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);

TEST(UniqueFd, OwnsNothingByDefault) {
  const UniqueFd fd;
  EXPECT_FALSE(fd.valid());
  EXPECT_EQ(fd.get(), -1);
}

TEST(UniqueFd, ClosesWhenItGoes) {
  const int raw = OpenNull();
  ASSERT_GE(raw, 0);
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(fd.valid());
    EXPECT_EQ(fd.get(), raw);
    EXPECT_TRUE(IsOpen(raw));
  }
  EXPECT_FALSE(IsOpen(raw));
}

TEST(UniqueFd, MovesOwnership) {
  const int raw = OpenNull();
  UniqueFd from(raw);
  UniqueFd to(std::move(from));
  EXPECT_FALSE(from.valid());  // NOLINT(bugprone-use-after-move): this is what is tested
  EXPECT_EQ(to.get(), raw);
  EXPECT_TRUE(IsOpen(raw));

  const int other = OpenNull();
  UniqueFd target(other);
  target = std::move(to);
  EXPECT_FALSE(IsOpen(other)) << "what it held before is closed";
  EXPECT_EQ(target.get(), raw);
  EXPECT_TRUE(IsOpen(raw));
}

TEST(UniqueFd, SurvivesMoveToItself) {
  UniqueFd fd(OpenNull());
  UniqueFd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(fd.valid());
  EXPECT_TRUE(IsOpen(fd.get()));
}

TEST(UniqueFd, ReleaseGivesTheDescriptorAway) {
  UniqueFd fd(OpenNull());
  const int raw = fd.Release();
  EXPECT_FALSE(fd.valid());
  EXPECT_TRUE(IsOpen(raw));
  close(raw);
}

TEST(UniqueFd, ResetClosesAndKeepsErrno) {
  UniqueFd fd(OpenNull());
  const int raw = fd.get();
  errno = EXDEV;
  fd.Reset();
  EXPECT_EQ(errno, EXDEV);
  EXPECT_FALSE(fd.valid());
  EXPECT_FALSE(IsOpen(raw));
  fd.Reset();

  UniqueFd closed(raw);  // close() fails now, which must not be seen
  errno = EXDEV;
  closed.Reset();
  EXPECT_EQ(errno, EXDEV);
}

}  // namespace
}  // namespace stronghost
