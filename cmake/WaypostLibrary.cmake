# waypost_library(NAME store SOURCES a.cc b.cc DEPS waypost::base RocksDB::rocksdb-shared)
#   makes the target waypost_<name> with the alias waypost::<name>. Headers are included from the
#   project's root ("common/store/store.h").
# waypost_binary(NAME waypost-node SOURCES main.cc DEPS ...)   lands in build/bin
# waypost_test(NAME store SOURCES ... DEPS ... [LABELS ...] [TIMEOUT seconds])
#   one test binary a room, <name>_test, which is one ctest case; the gate counts the cases inside.
# With GCC all of them take the large headers of gRPC, protobuf and Abseil precompiled: reading these is a quarter of what a
# source takes to compile. Nothing may rely on that: the fuzz build and clang-tidy go without.
function(waypost_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(waypost_${ARG_NAME} STATIC ${ARG_SOURCES})
    target_include_directories(waypost_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_options(waypost_${ARG_NAME} PRIVATE ${WAYPOST_WARNINGS})
    target_link_libraries(waypost_${ARG_NAME} PUBLIC ${ARG_DEPS})
    waypost_take_headers(waypost_${ARG_NAME} code)
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
function(waypost_precompiled_headers)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set(headers <algorithm> <functional> <map> <memory> <optional> <set> <string> <vector>
    <grpcpp/grpcpp.h> <google/protobuf/message.h> <google/protobuf/map.h> <google/protobuf/repeated_field.h>
    <google/protobuf/generated_enum_reflection.h> <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
    <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_format.h> <absl/strings/str_join.h>
    <absl/strings/str_split.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
  waypost_headers(generated "${WAYPOST_GENERATED_OPTIONS}" ${headers})
  waypost_headers(code "${WAYPOST_WARNINGS}" ${headers})
  waypost_headers(test "${WAYPOST_WARNINGS};${WAYPOST_TEST_OPTIONS}" ${headers} <gmock/gmock.h> <gtest/gtest.h>)
  target_link_libraries(waypost_test_headers PRIVATE GTest::gmock)
endfunction()

function(waypost_headers kind options)
  set(source ${CMAKE_BINARY_DIR}/${kind}_headers.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(waypost_${kind}_headers OBJECT ${source})
  target_compile_options(waypost_${kind}_headers PRIVATE ${options} -fpch-preprocess)
  target_link_libraries(waypost_${kind}_headers PRIVATE gRPC::grpc++ protobuf::libprotobuf)
  target_precompile_headers(waypost_${kind}_headers PRIVATE ${ARGN})
endfunction()

function(waypost_take_headers target kind)
  if(TARGET waypost_${kind}_headers)
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    target_precompile_headers(${target} REUSE_FROM waypost_${kind}_headers)
  endif()
endfunction()

function(waypost_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
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
  waypost_take_headers(${ARG_NAME}_test test)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME}_test --gtest_brief=1)
  # Those that take longest begin first.
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "WAYPOST_SOURCE_DIR=${PROJECT_SOURCE_DIR};WAYPOST_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()
