// The kernels that are compiled once per instruction set, as one table of functions.
//
// Knows raw memory, sizes and strides. The loops are in simd/, a family a file, forward beside backward; this page is their
// index, with the formula and the shapes of each. `simd()` is the table for the best instruction set the processor has,
// chosen at run time. Unless said otherwise an output may be the same memory as an input, and x[outer, n, inner] is row-major.
#pragma once

#include <tapehead/autograd/kernels/walk.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

// clang-format off
/// y = f(x), with parameters p and q where the comment names them.
enum class Unary {
    neg, exp, log, log1p, expm1, sqrt, rsqrt, square, reciprocal, abs, sign, sin, cos, tanh, sigmoid, erf,
    softplus,    // log(1 + eˣ)
    relu,        // max(x, 0)
    leaky_relu,  // x > 0 ? x : p x
    elu,         // x > 0 ? x : p (eˣ − 1)
    gelu,        // x Φ(x)
    gelu_tanh,   // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
    silu,        // x σ(x)
    clamp,       // min(max(x, p), q); NaN stays NaN
    step,        // x > 0 ? 1 : 0
    inside,      // p ≤ x ≤ q ? 1 : 0
    affine,      // p x + q
    pow,         // xᵖ
};

/// y = f(a, b).
enum class Binary {
    add, sub, mul, div, pow, maximum, minimum,
    chain,  // a b, but 0 where a is 0, whatever b is there
};
// clang-format on

/// y = a ? b, true or false.
enum class Compare { eq, ne, lt, le, gt, ge };

/// Reductions over the middle axis.
enum class Reduce { sum, max, min, sum_of_squares };

/// The steps of the optimizers, one pass over a parameter; the update rules are written in optim/.
struct AdamStep {
    Scalar step_size;  // lr / (1 − β₁ᵗ)
    Scalar beta1, beta2;
    Scalar rest1, rest2;  // 1 − β, rounded once: 1 − 0.999f is off by 1e-5
    Scalar eps;
    Scalar root_bias2;  // √(1 − β₂ᵗ)
    Scalar shrink;      // 1 − lr λ (decoupled decay), 1 for none
    Scalar l2;          // λ added to the gradient as λ p, 0 for none
};

struct SgdStep {
    Scalar lr, momentum, dampening, l2;
    bool nesterov;
    bool first;  // the buffer starts as the first gradient, undamped
};

struct RmspropStep {
    Scalar lr;
    Scalar alpha, rest;  // 1 − α
    Scalar eps, momentum, l2;
    bool centered;
};

struct AdagradStep {
    Scalar lr, eps, l2;
};

struct LionStep {
    Scalar lr;
    Scalar beta1, beta2;
    Scalar rest1, rest2;  // 1 − β
    Scalar shrink;        // 1 − lr λ
};

/// A product of matrices: A[m, k] at i a_row + k a_column, B[k, n] at k b_row + j, C[m, n] at i c_row + j.
struct Product {
    Index m, n, k;
    Index a_row, a_column, b_row, c_row;
    Scalar alpha = 1;
    const Scalar* d = nullptr;  // added: D[m, n] at i d_row + j, a row for all if d_row is 0; may be C itself
    Index d_row = 0;
};

inline constexpr Index large_product_room = 256 * 640;

/// A tile of attention scores, queries × keys; row r is query r of the tile, column c key c.
struct ScoreTile {
    Index rows, columns, stride;  // arrays of a tile are [rows, stride], stride at least columns rounded up to 16
    Scalar softcap;               // 0 for none
    Index first, last;            // row r may see columns r + first … r + last
    const bool* allowed;          // at r allowed_row + c allowed_column, true = may attend; may be null
    Index allowed_row, allowed_column;
    const Scalar* bias;  // added to the scores, at r bias_row + c bias_column; may be null
    Index bias_row, bias_column;
    Scalar slope;  // slope |r + place − c| is subtracted from the scores
    Index place;
};

/// The rows of a rotation: the first 2 half elements of a row of `width` turn in pairs, the rest stay.
struct Rotation {
    bool adjacent;  // pairs (x₂ᵢ, x₂ᵢ₊₁), else (xᵢ, xᵢ₊ₕ) with h = half
    Index width, half;
    Index angle_rows, neighbours = 1;  // row r takes its angles from row r / neighbours mod angle_rows
};

struct Simd {
    const char* name;  ///< the instruction set: "baseline", "avx2", "avx512"
    Index bytes;       ///< of a register

    // Elementwise, n elements.
    void (*unary)(Unary f, Scalar p, Scalar q, const Scalar* x, Scalar* y, Index n);
    /// dx = dy f'(x), for tanh, sigmoid, softplus, relu, leaky_relu, elu, gelu, gelu_tanh and silu.
    void (*unary_backward)(Unary f, Scalar p, Scalar q, const Scalar* x, const Scalar* dy, Scalar* dx, Index n);
    void (*binary)(Binary f, const Walk& w, const Scalar* a, const Scalar* b, Scalar* y);
    void (*compare)(Compare f, const Walk& w, const Scalar* a, const Scalar* b, bool* y);
    /// y = c ? a : b; the strides of the walk belong to c, a, b in this order.
    void (*where)(const Walk& w, const bool* c, const Scalar* a, const Scalar* b, Scalar* y);
    /// y += α x
    void (*axpy)(Scalar alpha, const Scalar* x, Scalar* y, Index n);
    void (*fill)(Scalar value, Scalar* y, Index n);
    /// Whether no element is NaN or infinite.
    bool (*all_finite)(const Scalar* x, Index n);

    // Reductions, x[outer, n, inner] → y[outer, inner]. NaN wins in max and min. y must not overlap x.
    void (*reduce)(Reduce f, const Scalar* x, Scalar* y, Index outer, Index n, Index inner);
    /// log Σ exp x over n; −∞ where n is 0 or all are −∞.
    void (*logsumexp)(const Scalar* x, Scalar* y, Index outer, Index n, Index inner);

    // Rows, x[rows, n].
    /// y = softmax(x); a row of −∞ alone gives zeros.
    void (*softmax)(const Scalar* x, Scalar* y, Index rows, Index n);
    /// dx = y (dy − Σ y dy)
    void (*softmax_backward)(const Scalar* y, const Scalar* dy, Scalar* dx, Index rows, Index n);
    /// y = x − logsumexp(x)
    void (*log_softmax)(const Scalar* x, Scalar* y, Index rows, Index n);
    /// dx = dy − eʸ Σ dy
    void (*log_softmax_backward)(const Scalar* y, const Scalar* dy, Scalar* dx, Index rows, Index n);

    /// q_c = w_c ((1 − ε) [c = target] + ε / n), m = max x, L = log Σ exp(x − m): loss = Σ_c q_c (L − (x_c − m)), shift = m,
    /// log_sum = L; all 0 for a row whose target is negative. w [n] may be null. target, loss, shift, log_sum: [rows].
    void (*cross_entropy)(const Scalar* x, const Id* target, const Scalar* w, Real smoothing, Scalar* loss, Scalar* shift,
                          Scalar* log_sum, Index rows, Index n);
    /// dx = dy (exp(x − m − L) Σ_c q_c − q); 0 in a row whose target is negative or whose dy is 0. dy: [rows].
    void (*cross_entropy_backward)(const Scalar* x, const Id* target, const Scalar* w, Real smoothing, const Scalar* shift,
                                   const Scalar* log_sum, const Scalar* dy, Scalar* dx, Index rows, Index n);

    /// x̂ = (x − x₀ − mean) rstd, y = x̂ w + b, over each row, x₀ its first element and mean that of x − x₀; w and b [n] may be null.
    /// mean, rstd: [rows].
    void (*layer_norm)(const Scalar* x, const Scalar* w, const Scalar* b, Scalar* y, Scalar* mean, Scalar* rstd, Index rows,
                       Index n, Scalar eps);
    /// g = dy w;  dx = rstd (g − mean(g) − x̂ mean(g x̂)),  dw = Σ_rows dy x̂,  db = Σ_rows dy. Each output may be null.
    void (*layer_norm_backward)(const Scalar* x, const Scalar* w, const Scalar* mean, const Scalar* rstd, const Scalar* dy,
                                Scalar* dx, Scalar* dw, Scalar* db, Index rows, Index n);
    /// y = x rstd w, rstd = 1/√(mean(x²) + ε), over each row; w [n] may be null. rstd: [rows].
    void (*rms_norm)(const Scalar* x, const Scalar* w, Scalar* y, Scalar* rstd, Index rows, Index n, Scalar eps);
    /// g = dy w;  dx = rstd (g − x rstd² mean(g x)),  dw = Σ_rows dy x rstd. Each output may be null.
    void (*rms_norm_backward)(const Scalar* x, const Scalar* w, const Scalar* rstd, const Scalar* dy, Scalar* dx, Scalar* dw,
                              Index rows, Index n);

    /// (a, b) → (a cos − b sin, a sin + b cos) for the pairs of x[rows, width]; cos and sin: [angle_rows, half].
    void (*rotate)(const Rotation& r, const Scalar* x, const Scalar* cos, const Scalar* sin, Scalar* y, Index rows);

    /// C = α A B + D, on the calling thread. C overlaps neither A nor B.
    void (*small_product)(const Product& p, const Scalar* a, const Scalar* b, Scalar* c);
    /// The same for operands of any size, copied block by block into `room` of large_product_room numbers; element (k, j) of B is at
    /// k b_row + j b_column, and either a_row or a_column is 1.
    void (*large_product)(const Product& p, Index b_column, const Scalar* a, const Scalar* b, Scalar* c, Scalar* room);
    /// y[column, row] = x[row, column], rows of x and of y at a distance of x_row and y_row, on the calling thread.
    void (*transpose)(const Scalar* x, Index x_row, Scalar* y, Index y_row, Index rows, Index columns);

    // A tile of attention, rows × columns of scores s; c the cap, m and l a query's running maximum and sum.
    /// x = c tanh(s / c) + bias − slope |distance|, −∞ where masked; m' = max(m, max x), rescale = exp(m − m'), l = l rescale +
    /// Σ exp(x − m'), s = exp(x − m') keep. keep [rows, stride] may be null; max, sum, rescale: [rows].
    void (*attention_tile)(const ScoreTile& t, Scalar* s, const Scalar* keep, Scalar* max, Real* sum, Scalar* rescale);
    /// dots = Σ x ∘ y over each of n columns; rows of x and y at a distance of x_row and y_row.
    void (*row_dots)(const Scalar* x, Index x_row, const Scalar* y, Index y_row, Scalar* dots, Index rows, Index n);
    /// P = exp(x − lse), ds holds dO Vᵀ: s = P keep, dx = P (ds keep − dots) added to dbias, ds = dx (1 − tanh²(s / c)). keep and
    /// dbias may be null; dbias lies as the bias does; slope is room for a row.
    void (*attention_tile_backward)(const ScoreTile& t, Scalar* s, Scalar* ds, const Scalar* keep, const Scalar* lse,
                                    const Scalar* dots, Scalar* dbias, Scalar* slope);

    /// The four words of Philox 4×32-10 at each position from `position` on, on the calling thread.
    void (*philox)(std::uint64_t seed, std::uint64_t position, std::uint32_t* words, Index positions);

    // Optimizer steps on n elements: parameter p and state in place, gradient g.
    void (*sgd)(const SgdStep& s, const Scalar* g, Scalar* p, Scalar* buffer, Index n);
    void (*adam)(const AdamStep& s, const Scalar* g, Scalar* p, Scalar* m, Scalar* v, Index n);
    /// `mean` may be null unless centered, `buffer` without momentum.
    void (*rmsprop)(const RmspropStep& s, const Scalar* g, Scalar* p, Scalar* square, Scalar* mean, Scalar* buffer, Index n);
    void (*adagrad)(const AdagradStep& s, const Scalar* g, Scalar* p, Scalar* sum, Index n);
    void (*lion)(const LionStep& s, const Scalar* g, Scalar* p, Scalar* m, Index n);
};

/// The kernels for the best instruction set of this processor (TAPEHEAD_ISA in the environment picks another by name).
const Simd& simd();

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
