add_library(sh_options INTERFACE)
target_compile_options(sh_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
  -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Wnull-dereference -Wformat=2
  -Wimplicit-fallthrough -Wunused -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Two false positives of g++ 12 in its own headers, with -O2 and with sanitizers.
  target_compile_options(sh_options INTERFACE -Wno-null-dereference -Wno-maybe-uninitialized
    -Wno-missing-field-initializers)
else()
  target_compile_options(sh_options INTERFACE -Wno-missing-field-initializers)
endif()
target_include_directories(sh_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
if(STRONGHOST_SANITIZE)
  target_compile_options(sh_options INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(sh_options INTERFACE -fsanitize=address,undefined)
endif()

# sh_library(NAME SOURCES... [DEPENDS targets...]): one folder, one static library. All share the
# precompiled header of sh_base.
function(sh_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC sh_options ${ARG_DEPENDS})
  if(name STREQUAL "sh_base")
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/agent/base/pch.h)
  else()
    target_precompile_headers(${name} REUSE_FROM sh_base)
  endif()
endfunction()
