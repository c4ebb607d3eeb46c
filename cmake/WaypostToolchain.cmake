# Compiler, linker and cache. One place, so that every target is built the same way.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

# Everything here has threads. One answer for all, as a precompiled header serves only those who define the same.
add_compile_options(-pthread)

find_program(WAYPOST_CCACHE ccache)
if(WAYPOST_CCACHE)
  # Without this it takes nothing from the cache that includes a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${WAYPOST_CCACHE})
endif()

find_program(WAYPOST_MOLD mold)
if(WAYPOST_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Flags of the project's own code; generated code is built without them (WaypostProto).
set(WAYPOST_WARNINGS
  -Wall -Wextra -Wpedantic -Werror
  -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wformat=2 -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports false positives of these inside the standard library at -O2 (GCC bugs 105329, 105562, 105651).
  list(APPEND WAYPOST_WARNINGS -Wno-restrict -Wno-maybe-uninitialized
    -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  # It frees memory from 128 MB on, again and again: a seventh of the time of a source. It may take a gigabyte.
  add_compile_options("SHELL:--param ggc-min-heapsize=524288")
endif()

# Of a test only what it tests has to be fast. Half of what a test takes to compile is optimization.
set(WAYPOST_TEST_OPTIONS -O0)

# Of what protoc generates.
set(WAYPOST_GENERATED_OPTIONS -w -O1 -g0)
