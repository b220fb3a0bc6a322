// Chooses among the tables that were compiled, once, at the first use.
//
// Knows the processor and the environment: TAPEHEAD_ISA names a table, the default is the best that the processor runs.
#include <tapehead/autograd/kernels/simd.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace baseline {
extern const Simd table;
}
#if defined(TAPEHEAD_HAVE_AVX2)
namespace avx2 {
extern const Simd table;
}
#endif
#if defined(TAPEHEAD_HAVE_AVX512)
namespace avx512 {
extern const Simd table;
}
#endif

namespace {

/// The tables that this processor runs, the best last; returns their number.
int supported_tables(const Simd* (&tables)[3]) {
    int count = 0;
    tables[count++] = &baseline::table;
#if defined(TAPEHEAD_HAVE_AVX2)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) tables[count++] = &avx2::table;
#endif
#if defined(TAPEHEAD_HAVE_AVX512)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        tables[count++] = &avx512::table;
#endif
    return count;
}

const Simd& choose() {
    const Simd* tables[3];
    const int count = supported_tables(tables);
    const Simd* best = tables[count - 1];
    const char* wanted = std::getenv("TAPEHEAD_ISA");
    if (!wanted || !*wanted) return *best;
    for (int i = 0; i < count; ++i)
        if (std::strcmp(tables[i]->name, wanted) == 0) return *tables[i];
    std::fprintf(stderr, "tapehead: TAPEHEAD_ISA=%s is not built in or not supported by this processor, using %s\n", wanted,
                 best->name);
    return *best;
}

}  // namespace

const Simd& simd() {
    static const Simd& chosen = choose();
    return chosen;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
