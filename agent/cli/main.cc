#include <unistd.h>

#include <iostream>

#include "agent/cli/cli.h"

int main(int argc, char** argv) {
  return stronghost::RunCli(
      argc, argv,
      {.out = std::cout, .err = std::cerr, .color = stronghost::WantsColor(STDOUT_FILENO)});
}
