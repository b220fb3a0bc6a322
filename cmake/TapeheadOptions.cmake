# What every target of this build shares: build type, warnings, compiler cache.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
endif()

if(TAPEHEAD_CCACHE)
  find_program(TAPEHEAD_CCACHE_PROGRAM ccache)
  mark_as_advanced(TAPEHEAD_CCACHE_PROGRAM)
  if(TAPEHEAD_CCACHE_PROGRAM)
    # With precompiled headers, ccache must be told that nothing here depends on macros or times inside them.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${TAPEHEAD_CCACHE_PROGRAM})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-fpch-preprocess)
    endif()
  endif()
endif()

# Warnings for our own sources: linked privately, never passed on to users.
add_library(tapehead_warnings INTERFACE)
target_compile_options(tapehead_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # set off by std::string itself (GCC bug 105651)
  $<$<BOOL:${TAPEHEAD_WERROR}>:-Werror>)

# Sanitizers, for everything in this build: "address,undefined" or "thread" (presets asan and tsan).
set(TAPEHEAD_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize; empty for none")
if(TAPEHEAD_SANITIZE)
  add_compile_options(-fsanitize=${TAPEHEAD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>)  # their checks keep loops from being vectorised
  add_link_options(-fsanitize=${TAPEHEAD_SANITIZE})
endif()

# What libFuzzer is told by: the paths that a source takes. For the sources that the targets in tests/fuzz are about; counted everywhere,
# they would slow all tests by a quarter.
option(TAPEHEAD_FUZZ "Build the fuzz targets for libFuzzer; with clang++ and TAPEHEAD_SANITIZE" OFF)
set(TAPEHEAD_FUZZ_COVERAGE "")
if(TAPEHEAD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "tapehead: expected clang++ for TAPEHEAD_FUZZ, got ${CMAKE_CXX_COMPILER_ID}")
  endif()
  set(TAPEHEAD_FUZZ_COVERAGE -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table)
endif()
