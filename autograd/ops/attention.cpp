// Scaled dot-product attention, written out step by step as in the paper.
#include <tapehead/autograd/ops/attention.hpp>

#include <cmath>
#include <limits>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/dropout.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/ops/softmax.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

constexpr Real infinity = std::numeric_limits<Real>::infinity();

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
    check<ShapeError>(q.dim() == 4 && k.dim() == 4 && v.dim() == 4,
                      "scaled_dot_product_attention: expected q, k and v with 4 axes [B, H, T, D], got {}, {} and {}",
                      q.shape(), k.shape(), v.shape());
    check<ShapeError>(
        q.size(0) == k.size(0) && q.size(3) == k.size(3) && k.shape().slice(0, 3) == v.shape().slice(0, 3),
        "scaled_dot_product_attention: expected q [B, H, Tq, D], k [B, Hkv, Tk, D] and v [B, Hkv, Tk, Dv], got {}, {} "
        "and {}",
        q.shape(), k.shape(), v.shape());
    check<ShapeError>(k.size(1) > 0 && q.size(1) % k.size(1) == 0,
                      "scaled_dot_product_attention: expected a number of heads that {} key-value heads divide, got {}",
                      k.size(1), q.size(1));
    check<ValueError>(options.softcap >= 0, "scaled_dot_product_attention: expected softcap >= 0, got {}", options.softcap);
}

/// Key-value heads, each repeated for the query heads that it serves: [B, Hkv, T, D] → [B, H, T, D].
Tensor repeat_heads(const Tensor& x, Index heads) {
    if (x.size(1) == heads) return x;
    const Index batch = x.size(0), shared = x.size(1), time = x.size(2), width = x.size(3);
    const Tensor repeated = expand(unsqueeze(x, 2), {batch, shared, heads / shared, time, width});
    return reshape(repeated, {batch, heads, time, width});
}

/// The two products of attention, Q Kᵀ and W V, over the pairs of query and key that may meet.
///
/// As long as all numbers are finite, matrix products do, since a weight of 0 silences a key. A NaN or infinity it would not:
/// then the products are taken pair by pair, and what may not be read is replaced by 0 before it is.
class Products {
public:
    Products(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Condition>& allowed) {
        if (!allowed || (all_finite(q) && all_finite(k) && all_finite(v))) return;
        Shape pairs = allowed->shape();
        while (pairs.rank() < 4) pairs.insert(0, 1);
        pairs.push_back(1);
        may_meet_ = allowed->reshape(pairs);  // [B, H, Tq, Tk, 1]
    }

    Tensor scores(const Tensor& q, const Tensor& k) const {
        if (!may_meet_) return gemm(q, false, k, true);                // [B, H, Tq, Tk]
        const Tensor queries = where(*may_meet_, unsqueeze(q, 3), 0);  // [B, H, Tq, Tk, D]
        const Tensor keys = where(*may_meet_, unsqueeze(k, 2), 0);     // [B, H, Tq, Tk, D]
        return sum(queries * keys, -1);                                // [B, H, Tq, Tk]
    }

    Tensor output(const Tensor& weights, const Tensor& v) const {
        if (!may_meet_) return gemm(weights, false, v, false);        // [B, H, Tq, Dv]
        const Tensor values = where(*may_meet_, unsqueeze(v, 2), 0);  // [B, H, Tq, Tk, Dv]
        return sum(unsqueeze(weights, 4) * values, 3);                // [B, H, Tq, Dv]
    }

private:
    std::optional<Condition> may_meet_;
};

}  // namespace

AttentionResult scaled_dot_product_attention_with_weights(const Tensor& q, const Tensor& key, const Tensor& value,
                                                          const AttentionOptions& options) {
    check_attention(q, key, value, options);
    const AttentionShape shape{q.size(0), q.size(1), q.size(2), key.size(2)};
    const std::optional<Condition> allowed = options.mask.allowed(shape);
    const Tensor bias = options.mask.total_bias(shape);
    const Tensor k = repeat_heads(key, shape.heads);    // [B, H, Tk, D]
    const Tensor v = repeat_heads(value, shape.heads);  // [B, H, Tk, Dv]
    const Products products(q, k, v, allowed);

    const Tensor scores = products.scores(q, k) * options.scale.value_or(1 / std::sqrt(static_cast<Real>(q.size(3))));
    const Tensor capped = options.softcap > 0 ? options.softcap * tanh(scores / options.softcap) : scores;
    const Tensor biased = bias ? capped + bias : capped;
    const Tensor masked = allowed ? where(*allowed, biased, -infinity) : biased;
    const Tensor weights = softmax(masked);  // [B, H, Tq, Tk], as all of these
    const Tensor kept = dropout(weights, options.dropout, options.training, *options.generator);
    return {products.output(kept, v), weights, scores, capped, masked};
}

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
    return scaled_dot_product_attention_with_weights(q, k, v, options).output;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
