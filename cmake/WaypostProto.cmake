# waypost_proto(NAME referral_proto DIR waypost/referral/v1 FILES referral.proto ... DEPS ...)
#   messages only: waypost::referral_proto.
# waypost_proto(NAME referral_grpc GRPC DIR waypost/referral/v1 FILES referral_service.proto DEPS ...)
#   the service definition, with *.grpc.pb.h: only service, module and client files link it.
# Generated code is compiled with options of its own, without our warnings. No unity build: protoc 3.21 gives every
# generated file the same file-scope names.
set(WAYPOST_PROTO_ROOT ${PROJECT_SOURCE_DIR}/proto)
set(WAYPOST_PROTO_OUT ${CMAKE_BINARY_DIR}/gen)
file(MAKE_DIRECTORY ${WAYPOST_PROTO_OUT})

function(waypost_proto)
  cmake_parse_arguments(ARG "GRPC" "NAME;DIR" "FILES;DEPS" ${ARGN})
  set(sources)
  foreach(file ${ARG_FILES})
    get_filename_component(stem ${file} NAME_WE)
    set(base ${WAYPOST_PROTO_OUT}/${ARG_DIR}/${stem})
    set(outputs ${base}.pb.cc ${base}.pb.h)
    set(plugin)
    if(ARG_GRPC)
      list(APPEND outputs ${base}.grpc.pb.cc ${base}.grpc.pb.h)
      set(plugin --grpc_out=${WAYPOST_PROTO_OUT} --plugin=protoc-gen-grpc=${WAYPOST_GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${WAYPOST_PROTOC} -I${WAYPOST_PROTO_ROOT} --cpp_out=${WAYPOST_PROTO_OUT} ${plugin} ${ARG_DIR}/${file}
      DEPENDS ${WAYPOST_PROTO_ROOT}/${ARG_DIR}/${file}
      WORKING_DIRECTORY ${WAYPOST_PROTO_ROOT}
      VERBATIM)
    list(APPEND sources ${outputs})
  endforeach()
  add_library(waypost_${ARG_NAME} STATIC ${sources})
  target_include_directories(waypost_${ARG_NAME} SYSTEM PUBLIC ${WAYPOST_PROTO_OUT})
  target_compile_options(waypost_${ARG_NAME} PRIVATE ${WAYPOST_GENERATED_OPTIONS})
  waypost_take_headers(waypost_${ARG_NAME} generated)
  target_link_libraries(waypost_${ARG_NAME} PUBLIC protobuf::libprotobuf ${ARG_DEPS})
  if(ARG_GRPC)
    target_link_libraries(waypost_${ARG_NAME} PUBLIC gRPC::grpc++)
    # Nothing refers to the service's descriptor, which server reflection looks up by name: have it linked.
    foreach(file ${ARG_FILES})
      set(symbol ${ARG_DIR}/${file})
      string(REPLACE "_" "_5f" symbol ${symbol})
      string(REPLACE "/" "_2f" symbol ${symbol})
      string(REPLACE "." "_2e" symbol ${symbol})
      target_link_options(waypost_${ARG_NAME} INTERFACE "LINKER:-u,descriptor_table_${symbol}")
    endforeach()
  endif()
  add_library(waypost::${ARG_NAME} ALIAS waypost_${ARG_NAME})
endfunction()
