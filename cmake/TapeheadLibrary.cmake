# The library twice from one list of sources: float and double.

# Whoever adds this folder to a project links the library, and so what it links, from folders beside and above.
if(NOT PROJECT_IS_TOP_LEVEL)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
endif()
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(xtensor REQUIRED)
find_package(xsimd REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
include(TapeheadFind)
foreach(library openblas zip pcre2)
  if(NOT TARGET tapehead::${library})
    message(FATAL_ERROR "tapehead: expected the library ${library}, found none; scripts/install-deps installs what is needed")
  endif()
endforeach()
find_path(TAPEHEAD_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
find_path(TAPEHEAD_XTENSOR_BLAS_INCLUDE xflens/cxxblas/cxxblas.h REQUIRED)
find_path(TAPEHEAD_CBLAS_INCLUDE cblas.h PATH_SUFFIXES x86_64-linux-gnu/openblas-openmp openblas-openmp openblas REQUIRED)
find_path(TAPEHEAD_ZIP_INCLUDE zip.h REQUIRED)
find_path(TAPEHEAD_PCRE2_INCLUDE pcre2.h REQUIRED)

# One include spelling everywhere, <tapehead/folder/file.hpp>: the build tree links the folders under include/tapehead.
set(TAPEHEAD_INCLUDE ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${TAPEHEAD_INCLUDE}/tapehead)
foreach(entry autograd layers optim io data study testing distributed tapehead.hpp version.hpp)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${entry} ${TAPEHEAD_INCLUDE}/tapehead/${entry} SYMBOLIC)
endforeach()

# The instruction sets that the kernels in autograd/kernels/simd are compiled for; the best is chosen at run time.
set(TAPEHEAD_ISAS baseline)
set(TAPEHEAD_ISA_FLAGS_baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND TAPEHEAD_ISAS avx2 avx512)
  set(TAPEHEAD_ISA_FLAGS_avx2 -mavx2 -mfma)
  set(TAPEHEAD_ISA_FLAGS_avx512 -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # its own AVX-512 intrinsics set off these (GCC bug 105593)
    list(APPEND TAPEHEAD_ISA_FLAGS_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
endif()

file(GLOB TAPEHEAD_SOURCES CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/autograd/*.cpp ${PROJECT_SOURCE_DIR}/autograd/ops/*.cpp ${PROJECT_SOURCE_DIR}/autograd/kernels/*.cpp
  ${PROJECT_SOURCE_DIR}/layers/*.cpp ${PROJECT_SOURCE_DIR}/optim/*.cpp
  ${PROJECT_SOURCE_DIR}/io/*.cpp ${PROJECT_SOURCE_DIR}/data/*.cpp ${PROJECT_SOURCE_DIR}/study/*.cpp
  ${PROJECT_SOURCE_DIR}/testing/*.cpp)

# The runtime of OpenMP by name, as an installed static library is linked with it: whatever compiler its user has.
list(GET OpenMP_CXX_LIB_NAMES 0 TAPEHEAD_OPENMP_RUNTIME)

# For tests/packaging: shared libraries are linked from the objects of a static build, which are fit for both.
set(TAPEHEAD_OBJECTS_OF "" CACHE PATH "Build folder with static libraries to link shared ones from, instead of compiling")
mark_as_advanced(TAPEHEAD_OBJECTS_OF)

# The library `name` of sources, or of the objects of another build.
function(tapehead_add_sources name)
  if(NOT TAPEHEAD_OBJECTS_OF)
    add_library(${name} ${ARGN})
    return()
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp "")
  add_library(${name} SHARED ${CMAKE_CURRENT_BINARY_DIR}/empty.cpp)
  set(archive ${TAPEHEAD_OBJECTS_OF}/lib${name}.a)
  target_link_options(${name} PRIVATE -Wl,--whole-archive ${archive} -Wl,--no-whole-archive)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${archive})
endfunction()

# The library `name` in float (f32) or double (f64).
function(tapehead_add_library name scalar)
  tapehead_add_sources(${name} ${TAPEHEAD_SOURCES})
  if(NOT TAPEHEAD_OBJECTS_OF)
    tapehead_compile(${name} ${scalar})
  endif()
  add_library(tapehead::${name} ALIAS ${name})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${TAPEHEAD_INCLUDE}>)
  if(scalar STREQUAL "f64")
    target_compile_definitions(${name} PUBLIC TAPEHEAD_F64)
  endif()

  target_link_libraries(${name} PUBLIC xtensor Threads::Threads)
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:OpenMP::OpenMP_CXX>)
  foreach(library tapehead::openblas tapehead::zip tapehead::pcre2 fmt::fmt)
    target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()

  get_target_property(type ${name} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")  # whoever links it links these too
    target_link_libraries(${name} PRIVATE
      $<INSTALL_INTERFACE:tapehead::openblas> $<INSTALL_INTERFACE:tapehead::zip> $<INSTALL_INTERFACE:tapehead::pcre2>
      $<INSTALL_INTERFACE:fmt::fmt> $<INSTALL_INTERFACE:${TAPEHEAD_OPENMP_RUNTIME}>)
  else()
    set(map ${PROJECT_SOURCE_DIR}/cmake/exports.map)
    target_link_options(${name} PRIVATE -Wl,--version-script=${map})
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${map})
    set_target_properties(${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endif()
endfunction()

# Position-independent in a static library too: it may end up in a user's shared one.
function(tapehead_compile_for_others name)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # Places of operations (`Place` in autograd/node.hpp) read tapehead/autograd/ops/matmul.cpp, wherever the library was built.
  target_compile_options(${name} PRIVATE
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}=tapehead -fmacro-prefix-map=${TAPEHEAD_INCLUDE}/tapehead=tapehead
    $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)  # clang's default: functions are inlined within a source
endfunction()

# How the sources of a library are compiled.
function(tapehead_compile name scalar)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # set off by std::string inside xtensor's printing (GCC bug 105651)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/autograd/tensor.cpp PROPERTIES COMPILE_OPTIONS -Wno-stringop-overflow)
  endif()
  # The page that the library carries (study/page makes it).
  set(page ${PROJECT_SOURCE_DIR}/study/page/dist/page.html)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/study/page.cpp PROPERTIES
    COMPILE_DEFINITIONS "TAPEHEAD_PAGE=\"${page}\"" OBJECT_DEPENDS ${page})
  if(TAPEHEAD_FUZZ)
    set(fuzzed ${TAPEHEAD_SOURCES})
    list(FILTER fuzzed INCLUDE REGEX "/((io|data)/[^/]+|optim/optimizer|layers/module|autograd/shape|ops/(einsum|indexing|shaping))[.]cpp$")
    set_source_files_properties(${fuzzed} PROPERTIES COMPILE_OPTIONS "${TAPEHEAD_FUZZ_COVERAGE}")
  endif()
  tapehead_compile_for_others(${name})
  target_include_directories(${name} SYSTEM
    PRIVATE ${TAPEHEAD_RANDOM123_INCLUDE} ${TAPEHEAD_XTENSOR_BLAS_INCLUDE} ${TAPEHEAD_CBLAS_INCLUDE} ${TAPEHEAD_ZIP_INCLUDE}
    ${TAPEHEAD_PCRE2_INCLUDE})
  target_link_libraries(${name} PRIVATE
    $<BUILD_INTERFACE:xsimd> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> $<BUILD_INTERFACE:tapehead_warnings>)

  if(TAPEHEAD_FILL_MEMORY)
    target_compile_definitions(${name} PRIVATE TAPEHEAD_FILL_MEMORY)
  endif()
  # What almost every source includes; parsing it once halves the build.
  target_precompile_headers(${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/autograd/tape.hpp ${PROJECT_SOURCE_DIR}/autograd/check.hpp)

  foreach(isa IN LISTS TAPEHEAD_ISAS)
    add_library(${name}_${isa} OBJECT ${PROJECT_SOURCE_DIR}/autograd/kernels/simd/isa.cpp)
    target_compile_features(${name}_${isa} PRIVATE cxx_std_20)
    target_compile_definitions(${name}_${isa} PRIVATE TAPEHEAD_ISA=${isa}
      $<$<STREQUAL:${scalar},f64>:TAPEHEAD_F64>)
    # No contraction of a b + c: the compiler would choose it differently for the serial and the threaded copy of one loop, and
    # results would depend on the number of threads.
    target_compile_options(${name}_${isa} PRIVATE -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ${TAPEHEAD_ISA_FLAGS_${isa}})
    if(TAPEHEAD_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      target_compile_options(${name}_${isa} PRIVATE -fno-sanitize=float-cast-overflow)  # of lanes that xsimd drops afterwards
    endif()
    target_include_directories(${name}_${isa} PRIVATE ${TAPEHEAD_INCLUDE})
    target_include_directories(${name}_${isa} SYSTEM PRIVATE ${TAPEHEAD_RANDOM123_INCLUDE})
    target_link_libraries(${name}_${isa} PRIVATE xsimd OpenMP::OpenMP_CXX $<BUILD_INTERFACE:tapehead_warnings>)
    set_target_properties(${name}_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_${isa}>)
    string(TOUPPER ${isa} upper)
    target_compile_definitions(${name} PRIVATE TAPEHEAD_HAVE_${upper})
  endforeach()
endfunction()
