# waypost_library(NAME store SOURCES a.cc b.cc DEPS waypost::base RocksDB::rocksdb-shared)
#   makes the target waypost_<name> with the alias waypost::<name>. Headers are included from the
#   project's root ("common/store/store.h").
# waypost_binary(NAME waypost-node SOURCES main.cc DEPS ...)   lands in build/bin
# waypost_test(NAME store SOURCES ... DEPS ... [LABELS ...] [TIMEOUT seconds] [GRPC])
#   one test binary a room, <name>_test, which is one ctest case; the gate counts the cases inside. GRPC says
#   that most of its sources include gRPC: its headers then come precompiled. (Nothing may rely on that: the
#   fuzz build and clang-tidy go without.)
function(waypost_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(waypost_${ARG_NAME} STATIC ${ARG_SOURCES})
    target_include_directories(waypost_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_options(waypost_${ARG_NAME} PRIVATE ${WAYPOST_WARNINGS})
    target_link_libraries(waypost_${ARG_NAME} PUBLIC ${ARG_DEPS})
  else()
    add_library(waypost_${ARG_NAME} INTERFACE)
    target_include_directories(waypost_${ARG_NAME} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(waypost_${ARG_NAME} INTERFACE ${ARG_DEPS})
  endif()
  add_library(waypost::${ARG_NAME} ALIAS waypost_${ARG_NAME})
endfunction()

function(waypost_binary)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${ARG_NAME} PRIVATE ${WAYPOST_WARNINGS})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
endfunction()

# The headers that every GRPC test includes, read once. GCC only: clang-tidy must not meet them.
function(waypost_test_headers)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/test_headers.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(waypost_test_headers OBJECT ${source})
  target_compile_options(waypost_test_headers PRIVATE ${WAYPOST_WARNINGS} ${WAYPOST_TEST_OPTIONS} -fpch-preprocess)
  target_link_libraries(waypost_test_headers PRIVATE gRPC::grpc++ protobuf::libprotobuf GTest::gmock)
  target_precompile_headers(waypost_test_headers PRIVATE
    <grpcpp/grpcpp.h> <google/protobuf/message.h> <gmock/gmock.h> <gtest/gtest.h> <absl/status/statusor.h>
    <absl/strings/str_cat.h> <absl/synchronization/mutex.h> <absl/time/time.h>)
endfunction()

function(waypost_test)
  cmake_parse_arguments(ARG "GRPC" "NAME;TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(WAYPOST_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  waypost_binary(NAME ${ARG_NAME}_test SOURCES ${ARG_SOURCES}
    DEPS ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_options(${ARG_NAME}_test PRIVATE ${WAYPOST_TEST_OPTIONS})
  if(ARG_GRPC AND TARGET waypost_test_headers)
    target_compile_options(${ARG_NAME}_test PRIVATE -fpch-preprocess)
    target_precompile_headers(${ARG_NAME}_test REUSE_FROM waypost_test_headers)
  endif()
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME}_test --gtest_brief=1)
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "WAYPOST_SOURCE_DIR=${PROJECT_SOURCE_DIR};WAYPOST_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endfunction()
