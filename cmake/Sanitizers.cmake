# WAYPOST_SANITIZE: empty, "address,undefined" or "thread". Debian's libraries are not instrumented;
# tests/sanitizers/*.supp lists what that makes the tools misread.
set(WAYPOST_SANITIZE "" CACHE STRING "Sanitizers to build with")
if(WAYPOST_SANITIZE)
  add_compile_options(-fsanitize=${WAYPOST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WAYPOST_SANITIZE})
  if(WAYPOST_SANITIZE MATCHES "thread")
    # protobuf gives its map fields another layout where this is defined, and Debian's library has the usual one.
    add_compile_options(-U__SANITIZE_THREAD__)
  endif()
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
endif()

# WAYPOST_FUZZ: build the fuzz targets with libFuzzer (needs clang).
option(WAYPOST_FUZZ "Build libFuzzer targets" OFF)
if(WAYPOST_FUZZ AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "WAYPOST_FUZZ needs clang: -DCMAKE_CXX_COMPILER=clang++")
endif()
