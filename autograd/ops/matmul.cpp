// Matrix products: one primitive with transposition flags, whose rules are itself; no operand is ever copied to transpose it.
#include <tapehead/autograd/ops/matmul.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/gemm.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using Offsets = std::vector<Index, memory::Allocator<Index>>;

/// Where each matrix of a broadcast batch starts in an operand with leading extents `own`.
Offsets batch_offsets(const Shape& own, const Shape& batch, Index matrix) {
    Offsets offsets{0};
    Index step = matrix;
    Offsets next;
    for (Index axis = 1; axis <= batch.rank(); ++axis) {  // innermost first: each axis repeats what is there
        const Index extent = axis <= own.rank() ? own[-axis] : 1;
        next.clear();
        for (Index i = 0; i < batch[-axis]; ++i)
            for (const Index offset : offsets) next.push_back(offset + (extent == 1 ? 0 : i * step));
        offsets.swap(next);
        step *= extent;
    }
    return offsets;
}

Tensor gemm_value(const Tensor& a, bool ta, const Tensor& b, bool tb) {
    check<ShapeError>(a.dim() >= 2 && b.dim() >= 2, "matmul: expected at least 2 axes, got {} and {}", a.shape(), b.shape());
    const Index m = a.size(ta ? -1 : -2), k = a.size(ta ? -2 : -1), n = b.size(tb ? -2 : -1);
    check<ShapeError>(k == b.size(tb ? -1 : -2), "matmul: expected inner extents that agree, got {}{} and {}{}", a.shape(),
                      ta ? " transposed" : "", b.shape(), tb ? " transposed" : "");
    const Shape batch_a = a.shape().slice(0, a.dim() - 2), batch_b = b.shape().slice(0, b.dim() - 2);
    const Shape batch = broadcast_shapes("matmul", batch_a, batch_b);
    Shape shape = batch;
    shape.push_back(m);
    shape.push_back(n);
    Tensor c = Tensor::empty(shape);
    if (c.numel() == 0) return c;  // of which there may be any number
    const kernels::Gemm product{ta, tb, m, n, k, a.size(-1), b.size(-1), n};
    if (batch.numel() == 1) kernels::gemm(product, a.data(), b.data(), c.raw());
    else
        kernels::gemm_batched(product, batch.numel(), a.data(), batch_offsets(batch_a, batch, m * k).data(), b.data(),
                              batch_offsets(batch_b, batch, k * n).data(), c.raw(), m * n);
    return c;
}

}  // namespace

Tensor gemm(const Tensor& a, bool ta, const Tensor& b, bool tb) {
    return record({"matmul", "C = op(A) op(B);  d op(A) = dC op(B)ᵀ,  d op(B) = op(A)ᵀ dC"}, gemm_value(a, ta, b, tb),
                  wrt(a, [=](const Tensor& dc) { return ta ? gemm(b, tb, dc, true) : gemm(dc, false, b, !tb); }),
                  wrt(b, [=](const Tensor& dc) { return tb ? gemm(dc, true, a, ta) : gemm(a, !ta, dc, false); }));
}

Tensor matmul(const Tensor& a, const Tensor& b) {
    check<ShapeError>(a.dim() >= 1 && b.dim() >= 1, "matmul: expected at least 1 axis, got {} and {}", a.shape(), b.shape());
    if (a.dim() == 1) {
        const Tensor c = matmul(unsqueeze(a, 0), b);
        return squeeze(c, b.dim() == 1 ? -1 : -2);
    }
    if (b.dim() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
    if (a.dim() == 2 || b.dim() > 2) return gemm(a, false, b, false);
    Shape shape = a.shape();  // one product of all rows with the same matrix
    shape[-1] = b.size(1);
    return reshape(gemm(flatten(a, 0, -2), false, b, false), shape);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    check<ShapeError>(x.dim() >= 1 && weight.dim() == 2 && x.size(-1) == weight.size(1),
                      "linear: expected x [..., in] and weight [out, in], got {} and {}", x.shape(), weight.shape());
    check<ShapeError>(!bias || bias.shape() == Shape{weight.size(0)}, "linear: expected bias [{}], got {}", weight.size(0),
                      bias ? bias.shape() : Shape());
    const Index in = weight.size(1), out = weight.size(0);
    Shape shape = x.shape();
    const Index rows = shape.slice(0, x.dim() - 1).numel();
    shape[-1] = out;
    Tensor y = Tensor::empty(shape);
    kernels::gemm({.transpose_b = true,
                   .m = rows,
                   .n = out,
                   .k = in,
                   .lda = in,
                   .ldb = in,
                   .ldc = out,
                   .bias = bias ? bias.data() : nullptr},
                  x.data(), weight.data(), y.raw());
    const auto as_rows = [rows](const Tensor& t) { return t.dim() == 2 ? t : reshape(t, {rows, t.size(-1)}); };
    return record({"linear", "y = x Wᵀ + b over rows;  dx = dy W,  dW = dyᵀ x,  db = Σ dy over rows"}, y,
                  wrt(x, [as_rows, weight,
                          to = x.shape()](const Tensor& dy) { return reshape(gemm(as_rows(dy), false, weight, false), to); }),
                  wrt(weight, [as_rows, x](const Tensor& dy) { return gemm(as_rows(dy), true, as_rows(x), false); }),
                  wrt(bias, [](const Tensor& dy) { return dy; }));
}

Tensor outer(const Tensor& a, const Tensor& b) {
    check<ShapeError>(a.dim() == 1 && b.dim() == 1, "outer: expected two 1-D tensors, got {} and {}", a.shape(), b.shape());
    return unsqueeze(a, 1) * b;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
