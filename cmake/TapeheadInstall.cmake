# What `cmake --install` copies: the libraries, the headers, the files that CMake and pkg-config find them by, the templates.
#
# Nothing installed names the folder of the build or that of the installation: an installed tree can be moved.

include(GNUInstallDirs)
foreach(folder INCLUDEDIR LIBDIR DATADIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
    message(FATAL_ERROR "tapehead: expected CMAKE_INSTALL_${folder} within the prefix, got ${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tapehead)

install(TARGETS tapehead tapehead_f64 EXPORT tapehead INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT tapehead NAMESPACE tapehead:: FILE tapeheadTargets.cmake DESTINATION ${package_dir})
if(TARGET tapehead_mpi)  # apart, so that who does not ask for it needs no MPI
  install(TARGETS tapehead_mpi tapehead_mpi_f64 EXPORT tapehead_mpi INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT tapehead_mpi NAMESPACE tapehead:: FILE tapeheadMpiTargets.cmake DESTINATION ${package_dir})
endif()

get_target_property(type tapehead TYPE)
set(TAPEHEAD_IS_STATIC OFF)
if(type STREQUAL "STATIC_LIBRARY")
  set(TAPEHEAD_IS_STATIC ON)
  install(FILES cmake/TapeheadFind.cmake DESTINATION ${package_dir})
endif()
configure_package_config_file(cmake/tapeheadConfig.cmake.in tapeheadConfig.cmake INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(tapeheadConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tapeheadConfig.cmake ${PROJECT_BINARY_DIR}/tapeheadConfigVersion.cmake DESTINATION ${package_dir})

# The headers that users include and those that these lead to, found when they are installed. The others are the library's own.
install(CODE "set(source \"${PROJECT_SOURCE_DIR}\")\nset(destination \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/tapehead\")")
if(TARGET tapehead_mpi)
  install(CODE "set(more distributed/distributed.hpp)")
endif()
install(SCRIPT cmake/InstallHeaders.cmake)

# For pkg-config. A program that links the static library links what that uses, without having to say --static.
file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
set(uses "-lopenblas -l${TAPEHEAD_OPENMP_RUNTIME} -pthread")
cmake_path(GET TAPEHEAD_OPENBLAS PARENT_PATH blas_dir)
if(NOT blas_dir IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
  string(PREPEND uses "-L${blas_dir} ")
endif()
if(TAPEHEAD_IS_STATIC)
  set(PC_REQUIRES "Requires: xtensor libzip libpcre2-8 fmt")
  set(PC_USES " ${uses}")
else()
  set(PC_REQUIRES "Requires: xtensor")
  set(PC_USES "\nLibs.private: -lzip -lpcre2-8 -lfmt ${uses}")
endif()
foreach(PC_NAME tapehead tapehead_f64)
  get_target_property(definitions ${PC_NAME} INTERFACE_COMPILE_DEFINITIONS)
  set(PC_CFLAGS "")
  if(definitions)
    list(TRANSFORM definitions PREPEND " -D" OUTPUT_VARIABLE PC_CFLAGS)
  endif()
  configure_file(cmake/tapehead.pc.in ${PC_NAME}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${PC_NAME}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

install(DIRECTORY templates DESTINATION ${CMAKE_INSTALL_DATADIR}/tapehead PATTERN build EXCLUDE)
install(FILES cmake/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libtapehead-dev)

# The Debian package, which scripts/package makes: of the static library, which nothing but programs of its users depends on. Not as a part
# of another project, whose packages are its own.
if(NOT TAPEHEAD_IS_STATIC OR NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libtapehead-dev)
set(CPACK_PACKAGE_CONTACT "The Tapehead authors <noreply@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_DESCRIPTION "A small C++20 framework: tensors, a tape, the layers of Attention Is All You Need and optimizers.
Static libraries for float and double, headers, and files for CMake and pkg-config.")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
math(EXPR next_fmt "${fmt_VERSION_MAJOR} + 1")
string(CONCAT CPACK_DEBIAN_PACKAGE_DEPENDS "libxtensor-dev (>= ${xtensor_VERSION}), libopenblas-openmp-dev, libzip-dev, libpcre2-dev, "
  "libfmt-dev (>= ${fmt_VERSION_MAJOR}), libfmt-dev (<< ${next_fmt}~), g++ | c++-compiler")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake (>= 3.22), pkgconf, catch2, libopenmpi-dev")
include(CPack)
