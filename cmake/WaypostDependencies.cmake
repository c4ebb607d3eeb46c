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

find_program(WAYPOST_PROTOC protoc REQUIRED)
find_program(WAYPOST_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

include(GoogleTest)
