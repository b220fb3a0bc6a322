# OpenBLAS, libzip and PCRE2 as targets, where they are found: tapehead::openblas, tapehead::zip, tapehead::pcre2.
#
# The build includes it, and so does the package file of an installed static library, which links them.

find_library(TAPEHEAD_OPENBLAS NAMES openblas PATH_SUFFIXES openblas-openmp)
# Not by libzip's own CMake files: Debian's ask for programs that its library package does not have.
find_library(TAPEHEAD_ZIP NAMES zip)
find_library(TAPEHEAD_PCRE2 NAMES pcre2-8)
mark_as_advanced(TAPEHEAD_OPENBLAS TAPEHEAD_ZIP TAPEHEAD_PCRE2)

foreach(library OPENBLAS ZIP PCRE2)
  string(TOLOWER tapehead::${library} target)
  if(TAPEHEAD_${library} AND NOT TARGET ${target})
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${TAPEHEAD_${library}})
    if(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
      set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
    endif()
  endif()
endforeach()
