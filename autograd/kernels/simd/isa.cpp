// The kernels for one instruction set: compiled once for each, with TAPEHEAD_ISA its name and the compiler flags to match.
//
// Everything lives in a namespace of that name. Nothing here may use an inline function or a template that other files
// instantiate too, such as the containers and algorithms of std: the linker keeps one copy of those, and could keep the one
// with AVX instructions for a processor without. Local arrays of fixed size are the only memory.

// xsimd has such functions (the argument reduction of sin and cos, for one), so that each instruction set gets a copy of
// xsimd in a namespace of its own: xsimd_avx2 …
#define TAPEHEAD_JOIN_OF(a, b) a##b
#define TAPEHEAD_JOIN(a, b) TAPEHEAD_JOIN_OF(a, b)
#define xsimd TAPEHEAD_JOIN(xsimd_, TAPEHEAD_ISA)

#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/kernels/simd/attention.hpp>
#include <tapehead/autograd/kernels/simd/cross_entropy.hpp>
#include <tapehead/autograd/kernels/simd/elementwise.hpp>
#include <tapehead/autograd/kernels/simd/norm.hpp>
#include <tapehead/autograd/kernels/simd/optimizer.hpp>
#include <tapehead/autograd/kernels/simd/philox.hpp>
#include <tapehead/autograd/kernels/simd/product.hpp>
#include <tapehead/autograd/kernels/simd/reduce.hpp>
#include <tapehead/autograd/kernels/simd/rotary.hpp>
#include <tapehead/autograd/kernels/simd/softmax.hpp>
#include <tapehead/autograd/kernels/simd/vec.hpp>

#define TAPEHEAD_NAME_OF(isa) #isa
#define TAPEHEAD_NAME(isa) TAPEHEAD_NAME_OF(isa)

namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA {

extern const Simd table;  // simd.cpp chooses among the tables

const Simd table = {
    .name = TAPEHEAD_NAME(TAPEHEAD_ISA),
    .bytes = lanes * sizeof(Scalar),
    .unary = unary,
    .unary_backward = unary_backward,
    .binary = binary,
    .compare = compare,
    .where = where,
    .axpy = axpy,
    .fill = fill,
    .all_finite = all_finite,
    .reduce = reduce,
    .logsumexp = logsumexp,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .log_softmax = log_softmax,
    .log_softmax_backward = log_softmax_backward,
    .cross_entropy = cross_entropy,
    .cross_entropy_backward = cross_entropy_backward,
    .layer_norm = layer_norm,
    .layer_norm_backward = layer_norm_backward,
    .rms_norm = rms_norm,
    .rms_norm_backward = rms_norm_backward,
    .rotate = rotate,
    .small_product = small_product,
    .large_product = large_product,
    .transpose = transpose,
    .attention_tile = attention_tile,
    .row_dots = row_dots,
    .attention_tile_backward = attention_tile_backward,
    .philox = philox,
    .sgd = sgd,
    .adam = adam,
    .rmsprop = rmsprop,
    .adagrad = adagrad,
    .lion = lion,
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels::TAPEHEAD_ISA
