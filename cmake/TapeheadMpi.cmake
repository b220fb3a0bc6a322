# distributed/ as libraries of their own, tapehead::mpi (float) and tapehead::mpi_f64 (double): who uses them needs MPI, nobody else does.

set(MPI_CXX_SKIP_MPICXX ON)  # bindings that MPI itself has given up
find_package(MPI COMPONENTS CXX)
if(NOT MPI_CXX_FOUND)
  message(STATUS "tapehead: no MPI was found (Debian: libopenmpi-dev), so tapehead::mpi is not built")
  return()
endif()

file(GLOB TAPEHEAD_MPI_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/distributed/*.cpp)

# The library `name`, with `library` below it.
function(tapehead_add_mpi_library name library)
  tapehead_add_sources(tapehead_${name} ${TAPEHEAD_MPI_SOURCES})
  add_library(tapehead::${name} ALIAS tapehead_${name})
  set_target_properties(tapehead_${name} PROPERTIES EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_link_libraries(tapehead_${name} PUBLIC tapehead::${library} MPI::MPI_CXX
    PRIVATE $<BUILD_INTERFACE:fmt::fmt> $<INSTALL_INTERFACE:fmt::fmt> $<BUILD_INTERFACE:tapehead_warnings>)
  tapehead_compile_for_others(tapehead_${name})
  target_precompile_headers(tapehead_${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/autograd/tape.hpp ${PROJECT_SOURCE_DIR}/autograd/check.hpp)
endfunction()
tapehead_add_mpi_library(mpi tapehead)
tapehead_add_mpi_library(mpi_f64 tapehead_f64)
