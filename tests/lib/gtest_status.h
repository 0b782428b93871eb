// absl::Status in GoogleTest: the message of a failing status in the message of the failing test.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/status.h"
#include "gtest/gtest.h"

namespace stronghost::lab {

inline absl::Status StatusOf(const absl::Status& status) {
  return status;
}

template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

inline testing::AssertionResult IsOk(const absl::Status& status) {
  return status.ok() ? testing::AssertionSuccess()
                     : testing::AssertionFailure() << status.ToString();
}

}  // namespace stronghost::lab

// Of an absl::Status or absl::StatusOr<T>.
#define EXPECT_OK(expression) \
  EXPECT_TRUE(::stronghost::lab::IsOk(::stronghost::lab::StatusOf(expression)))
#define ASSERT_OK(expression) \
  ASSERT_TRUE(::stronghost::lab::IsOk(::stronghost::lab::StatusOf(expression)))

// ASSERT_OK_AND_ASSIGN(auto value, Function()): assigns the value or ends the test.
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  SH_ASSERT_OK_AND_ASSIGN_IMPL(SH_CONCAT(sh_result_, __LINE__), declaration, expression)
#define SH_ASSERT_OK_AND_ASSIGN_IMPL(result, declaration, expression) \
  auto result = (expression);                                         \
  ASSERT_TRUE(::stronghost::lab::IsOk(result.status()));              \
  declaration = *std::move(result)
