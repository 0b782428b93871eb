# bpf_object(NAME SOURCES a.bpf.c ...): compiles BPF sources, links them into one object and makes
# its skeleton header. Result: interface target NAME_skel; include "NAME.skel.h".
find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /usr/local/sbin REQUIRED)

function(bpf_object name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skel ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  # <asm/types.h> lies in Debian's multiarch folder, which a BPF target does not search.
  set(arch ${CMAKE_LIBRARY_ARCHITECTURE})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name})
  foreach(source ${ARG_SOURCES})
    set(src ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    set(obj ${CMAKE_CURRENT_BINARY_DIR}/${name}/${source}.o)
    add_custom_command(OUTPUT ${obj}
      COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
              -I ${CMAKE_SOURCE_DIR} -idirafter /usr/include/${arch}
              -MD -MF ${obj}.d -c ${src} -o ${obj}
      DEPENDS ${src} DEPFILE ${obj}.d
      COMMENT "BPF ${source}")
    list(APPEND objects ${obj})
  endforeach()
  add_custom_command(OUTPUT ${linked}
    COMMAND ${BPFTOOL} gen object ${linked} ${objects}
    DEPENDS ${objects} COMMENT "BPF link ${name}")
  # clang-tidy finds a leak in what bpftool writes, where the object owns what it calls lost.
  add_custom_command(OUTPUT ${skel}
    COMMAND echo "/* NOLINTBEGIN */" > ${skel}
    COMMAND ${BPFTOOL} gen skeleton ${linked} name ${name}_bpf >> ${skel}
    COMMAND echo "/* NOLINTEND */" >> ${skel}
    DEPENDS ${linked} COMMENT "BPF skeleton ${name}")
  add_custom_target(${name}_skel_file DEPENDS ${skel})
  add_library(${name}_skel INTERFACE)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name}_skel INTERFACE PkgConfig::LIBBPF)
  add_dependencies(${name}_skel ${name}_skel_file)
endfunction()
