# The library twice from one list of sources: float and double.

find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(xtensor REQUIRED)
find_package(xsimd REQUIRED)
find_package(fmt REQUIRED)
find_path(TAPEHEAD_RANDOM123_INCLUDE Random123/philox.h REQUIRED)
find_path(TAPEHEAD_XTENSOR_BLAS_INCLUDE xflens/cxxblas/cxxblas.h REQUIRED)
find_library(TAPEHEAD_OPENBLAS NAMES openblas PATH_SUFFIXES openblas-openmp REQUIRED)
# Not by libzip's own CMake files: Debian's ask for programs that its library package does not have.
find_library(TAPEHEAD_ZIP NAMES zip REQUIRED)
find_path(TAPEHEAD_ZIP_INCLUDE zip.h REQUIRED)
find_package(nlohmann_json REQUIRED)
find_library(TAPEHEAD_PCRE2 NAMES pcre2-8 REQUIRED)
find_path(TAPEHEAD_PCRE2_INCLUDE pcre2.h REQUIRED)
find_path(TAPEHEAD_CBLAS_INCLUDE cblas.h PATH_SUFFIXES x86_64-linux-gnu/openblas-openmp openblas-openmp openblas REQUIRED)

# One include spelling everywhere, <tapehead/folder/file.hpp>: the build tree links the folders under include/tapehead.
set(TAPEHEAD_INCLUDE ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${TAPEHEAD_INCLUDE}/tapehead)
foreach(entry autograd layers optim io data study testing tapehead.hpp)
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

function(tapehead_add_library name scalar)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # set off by std::string inside xtensor's printing (GCC bug 105651)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/autograd/tensor.cpp PROPERTIES COMPILE_OPTIONS -Wno-stringop-overflow)
  endif()
  # The page that the library carries (study/page makes it).
  set(page ${PROJECT_SOURCE_DIR}/study/page/dist/page.html)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/study/page.cpp PROPERTIES
    COMPILE_DEFINITIONS "TAPEHEAD_PAGE=\"${page}\"" OBJECT_DEPENDS ${page})
  add_library(${name} ${TAPEHEAD_SOURCES})
  add_library(tapehead::${name} ALIAS ${name})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} PUBLIC ${TAPEHEAD_INCLUDE})
  target_include_directories(${name} SYSTEM
    PRIVATE ${TAPEHEAD_RANDOM123_INCLUDE} ${TAPEHEAD_XTENSOR_BLAS_INCLUDE} ${TAPEHEAD_CBLAS_INCLUDE} ${TAPEHEAD_ZIP_INCLUDE}
    ${TAPEHEAD_PCRE2_INCLUDE})
  if(scalar STREQUAL "f64")
    target_compile_definitions(${name} PUBLIC TAPEHEAD_F64)
  endif()
  target_link_libraries(${name} PUBLIC xtensor Threads::Threads
    PRIVATE OpenMP::OpenMP_CXX ${TAPEHEAD_OPENBLAS} ${TAPEHEAD_ZIP} ${TAPEHEAD_PCRE2} fmt::fmt $<BUILD_INTERFACE:xsimd>
    $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> $<BUILD_INTERFACE:tapehead_warnings>)

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
    target_include_directories(${name}_${isa} PRIVATE ${TAPEHEAD_INCLUDE})
    target_include_directories(${name}_${isa} SYSTEM PRIVATE ${TAPEHEAD_RANDOM123_INCLUDE})
    target_link_libraries(${name}_${isa} PRIVATE xsimd OpenMP::OpenMP_CXX $<BUILD_INTERFACE:tapehead_warnings>)
    set_target_properties(${name}_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_${isa}>)
    string(TOUPPER ${isa} upper)
    target_compile_definitions(${name} PRIVATE TAPEHEAD_HAVE_${upper})
  endforeach()
endfunction()
