#include "agent/base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace stronghost {
namespace {

TEST(ErrnoError, NamesOperationAndReason) {
  const absl::Status status = ErrnoError(EPERM, "add rule");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Message(status), "add rule: Operation not permitted");
}

TEST(ErrnoError, TakesEitherSign) {
  EXPECT_EQ(ErrnoError(-ENOENT, "x"), ErrnoError(ENOENT, "x"));
}

TEST(ErrnoError, IsNeverOk) {
  const absl::Status status = ErrnoError(0, "open uplink");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Message(status), "open uplink: failed without an error number");
}

TEST(Annotate, PutsTheContextFirstAndKeepsTheCode) {
  const absl::Status status = Annotate(absl::NotFoundError("no such file"), "read pins");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "read pins: no such file");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "read pins").ok());
}

absl::Status Check(const absl::Status& status, bool* went_on) {
  RETURN_IF_ERROR(status);
  *went_on = true;
  return absl::OkStatus();
}

TEST(ReturnIfError, ReturnsErrorsOnly) {
  bool went_on = false;
  EXPECT_EQ(Check(absl::AbortedError("a"), &went_on), absl::AbortedError("a"));
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(Check(absl::OkStatus(), &went_on).ok());
  EXPECT_TRUE(went_on);
}

absl::StatusOr<int> Sum(absl::StatusOr<int> a, absl::StatusOr<std::unique_ptr<int>> b) {
  ASSIGN_OR_RETURN(const int first, std::move(a));
  ASSIGN_OR_RETURN(const std::unique_ptr<int> second, std::move(b));
  return first + *second;
}

TEST(AssignOrReturn, AssignsOrReturnsTheFirstError) {
  EXPECT_EQ(*Sum(1, std::make_unique<int>(2)), 3);
  EXPECT_EQ(Sum(absl::AbortedError("a"), absl::UnknownError("b")).status(),
            absl::AbortedError("a"));
  EXPECT_EQ(Sum(1, absl::UnknownError("b")).status(), absl::UnknownError("b"));
}

}  // namespace
}  // namespace stronghost
