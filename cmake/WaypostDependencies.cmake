# Debian 12 packages; tools/install-dependencies names them.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)  # module mode: Debian ships no config files
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(rhonabwy REQUIRED IMPORTED_TARGET librhonabwy)

if(WAYPOST_ARCHIVES)
  waypost_link_archives("^(gRPC|absl|protobuf)::|^RocksDB::rocksdb-shared$")
  # The archive needs by name what the shared library brings along.
  get_target_property(needed RocksDB::rocksdb INTERFACE_LINK_LIBRARIES)
  set_target_properties(RocksDB::rocksdb-shared PROPERTIES INTERFACE_LINK_LIBRARIES "${needed}")
  find_library(WAYPOST_JEMALLOC_ARCHIVE NAMES libjemalloc_pic.a REQUIRED)
  set_target_properties(PkgConfig::jemalloc PROPERTIES
    INTERFACE_LINK_LIBRARIES "${WAYPOST_JEMALLOC_ARCHIVE};Threads::Threads;${CMAKE_DL_LIBS}")
endif()

find_program(WAYPOST_PROTOC protoc REQUIRED)
find_program(WAYPOST_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

include(GoogleTest)
