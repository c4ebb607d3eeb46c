# waypost_library(NAME store SOURCES a.cc b.cc DEPS waypost::base RocksDB::rocksdb-shared)
#   makes the target waypost_<name> with the alias waypost::<name>. Headers are included from the
#   project's root ("common/store/store.h"). TESTING says that only tests link it: it is compiled as they are.
# waypost_binary(NAME waypost-node SOURCES main.cc DEPS ...)   lands in build/bin
# waypost_test(NAME store SOURCES ... DEPS ... [LABELS ...] [TIMEOUT seconds])
#   one test binary a room, <name>_test, which is one ctest case; the gate counts the cases inside.
# waypost_headers(NAME referral OPTIONS ... DEPS ... HEADERS <a.h> ...)
#   headers that the sources of a room include beside the large ones of all; HEADERS referral has them take these.
# With GCC all of them take the large headers of gRPC, protobuf and Abseil precompiled, and in large rooms those of the
# room too: reading these is half of what a source takes to compile. Nothing may rely on that: the fuzz build and
# clang-tidy go without.
function(waypost_library)
  cmake_parse_arguments(ARG "TESTING" "NAME;HEADERS" "SOURCES;DEPS" ${ARGN})
  set(options ${WAYPOST_WARNINGS})
  set(headers code)
  if(ARG_TESTING)
    list(APPEND options ${WAYPOST_TEST_OPTIONS})
    list(APPEND ARG_DEPS GTest::gmock)
    set(headers test)
  endif()
  if(ARG_HEADERS)
    set(headers ${ARG_HEADERS})
  endif()
  if(ARG_SOURCES)
    add_library(waypost_${ARG_NAME} STATIC ${ARG_SOURCES})
    target_include_directories(waypost_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_options(waypost_${ARG_NAME} PRIVATE ${options})
    target_link_libraries(waypost_${ARG_NAME} PUBLIC ${ARG_DEPS})
    waypost_take_headers(waypost_${ARG_NAME} ${headers})
  else()
    add_library(waypost_${ARG_NAME} INTERFACE)
    target_include_directories(waypost_${ARG_NAME} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(waypost_${ARG_NAME} INTERFACE ${ARG_DEPS})
  endif()
  add_library(waypost::${ARG_NAME} ALIAS waypost_${ARG_NAME})
endfunction()

function(waypost_binary)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  waypost_program(${ARG_NAME} "${ARG_SOURCES}" "${ARG_DEPS}")
  waypost_take_headers(${ARG_NAME} code)
endfunction()

function(waypost_program name sources deps)
  add_executable(${name} ${sources})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${WAYPOST_WARNINGS})
  target_link_libraries(${name} PRIVATE ${deps})
endfunction()

# The headers that most sources include, read once for each set of options: for the services (code), their tests (test)
# and what protoc generates (generated). GCC only: clang-tidy must not meet them.
set(WAYPOST_LARGE_HEADERS <algorithm> <functional> <map> <memory> <optional> <set> <string> <vector>
  <grpcpp/grpcpp.h> <google/protobuf/message.h> <google/protobuf/map.h> <google/protobuf/repeated_field.h>
  <google/protobuf/generated_enum_reflection.h> <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/strings/str_join.h>
  <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
set(WAYPOST_LARGE_TEST_HEADERS <gmock/gmock.h> <gtest/gtest.h>)
set(WAYPOST_CODE_OPTIONS ${WAYPOST_WARNINGS})
set(WAYPOST_TEST_CODE_OPTIONS ${WAYPOST_WARNINGS} ${WAYPOST_TEST_OPTIONS})

function(waypost_precompiled_headers)
  waypost_headers(NAME generated OPTIONS ${WAYPOST_GENERATED_OPTIONS})
  waypost_headers(NAME code OPTIONS ${WAYPOST_CODE_OPTIONS})
  waypost_headers(NAME test OPTIONS ${WAYPOST_TEST_CODE_OPTIONS} DEPS GTest::gmock
    HEADERS ${WAYPOST_LARGE_TEST_HEADERS})
endfunction()

function(waypost_headers)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  cmake_parse_arguments(ARG "" "NAME" "OPTIONS;DEPS;HEADERS" ${ARGN})
  set(target waypost_${ARG_NAME}_headers)
  set(source ${CMAKE_BINARY_DIR}/${ARG_NAME}_headers.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${target} OBJECT ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE ${ARG_OPTIONS} -fpch-preprocess)
  target_link_libraries(${target} PRIVATE gRPC::grpc++ protobuf::libprotobuf ${ARG_DEPS})
  target_precompile_headers(${target} PRIVATE ${WAYPOST_LARGE_HEADERS} ${ARG_HEADERS})
endfunction()

function(waypost_take_headers target kind)
  if(TARGET waypost_${kind}_headers)
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    target_precompile_headers(${target} REUSE_FROM waypost_${kind}_headers)
  endif()
endfunction()

function(waypost_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT;HEADERS" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS test)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(WAYPOST_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  waypost_program(${ARG_NAME}_test "${ARG_SOURCES}" "${ARG_DEPS};GTest::gmock;GTest::gtest_main")
  target_compile_options(${ARG_NAME}_test PRIVATE ${WAYPOST_TEST_OPTIONS})
  waypost_take_headers(${ARG_NAME}_test ${ARG_HEADERS})
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME}_test --gtest_brief=1)
  # Those that take longest begin first.
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "WAYPOST_SOURCE_DIR=${PROJECT_SOURCE_DIR};WAYPOST_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()
