# WAYPOST_ARCHIVES: link gRPC, protobuf, Abseil, RocksDB and jemalloc into each program instead of loading them. A call
# then goes to its function, not through a table that the loader fills: measured at an eighth more submissions a second.
# What it costs: a program has to be linked again to get a mended library. Off with sanitizers, which leave out what is
# in a library that they did not instrument.
if(WAYPOST_SANITIZE)
  set(archives_default OFF)
else()
  set(archives_default ON)
endif()
option(WAYPOST_ARCHIVES "Link the larger libraries into the programs" ${archives_default})
if(WAYPOST_ARCHIVES AND WAYPOST_SANITIZE)
  message(FATAL_ERROR "a build with WAYPOST_SANITIZE needs -DWAYPOST_ARCHIVES=OFF; use a new build folder")
endif()

# Points the imported targets whose names match at the archive beside their shared library.
function(waypost_link_archives pattern)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "${pattern}")
  foreach(target IN LISTS targets)
    foreach(location IMPORTED_LOCATION IMPORTED_LOCATION_NONE IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION_DEBUG)
      get_target_property(shared ${target} ${location})
      if(NOT shared MATCHES "[.]so[.0-9]*$")
        continue()
      endif()
      string(REGEX REPLACE "[.]so[.0-9]*$" ".a" archive "${shared}")
      if(NOT EXISTS "${archive}")
        message(FATAL_ERROR "${target}: there is no ${archive}; configure with -DWAYPOST_ARCHIVES=OFF")
      endif()
      set_target_properties(${target} PROPERTIES ${location} "${archive}")
    endforeach()
  endforeach()
endfunction()
