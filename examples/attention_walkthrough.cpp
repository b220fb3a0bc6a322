// Attention on four words, every step forward and back with its numbers: worked out by hand, beside what the tape computed.
//
// The steps have the names of docs/attention.md, which derives them. "By hand" is support/by_hand.hpp, plain loops over doubles.
#include <tuple>

#include <support/by_hand.hpp>
#include <support/program.hpp>
#include <tapehead/tapehead.hpp>

using namespace examples;
using namespace tapehead;

namespace {

const std::vector<std::string> words{"the", "cat", "sat", "down"};
constexpr Index length = 4, width = 6, heads = 2, head_dim = width / heads;
const double scale = 1 / std::sqrt(static_cast<double>(head_dim));

/// Rows and columns of a tensor's last two axes; a vector is one row.
Matrix to_matrix(const Tensor& x) {
    Matrix result(x.dim() > 1 ? static_cast<std::size_t>(x.size(-2)) : 1, static_cast<std::size_t>(x.size(-1)));
    std::copy_n(x.data(), result.values.size(), result.values.begin());
    return result;
}

/// One head of [1, H, T, D].
Matrix head_of(const Tensor& x, Index head) { return to_matrix(select(select(x.detach(), 0, 0), 0, head)); }

std::vector<Matrix> heads_of(const Tensor& x) { return {head_of(x, 0), head_of(x, 1)}; }

/// The columns of a head in [T, E].
Matrix columns_of(const Matrix& x, std::size_t head) {
    return matrix_of(x.rows, head_dim, [&](std::size_t i, std::size_t j) { return x(i, head * head_dim + j); });
}

/// The heads in one matrix again: [T, E].
Matrix joined(const std::vector<Matrix>& parts) {
    return matrix_of(length, width, [&](std::size_t i, std::size_t j) { return parts[j / head_dim](i, j % head_dim); });
}

/// Attention on the tape, with every tensor on the way kept.
struct OnTape {
    MultiHeadAttention layer{width, heads};
    Tensor x, q, k, v, concat, y, loss;
    AttentionSteps steps;

    explicit OnTape(const Tensor& input) : x(input.detach().requires_grad_()) {
        for (Linear* projection : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.out_proj})
            projection->bias = (0.1 * randn({width})).requires_grad_();
        const auto split = [](const Tensor& t) { return permute(reshape(t, {1, length, heads, head_dim}), {0, 2, 1, 3}); };
        q = split(layer.q_proj(x));                                                              // [1, H, T, D]
        k = split(layer.k_proj(x));                                                              // [1, H, T, D]
        v = split(layer.v_proj(x));                                                              // [1, H, T, D]
        steps = scaled_dot_product_attention_steps(q, k, v, {.mask = AttentionMask::causal()});  // [1, H, T, T]
        concat = reshape(permute(steps.output, {0, 2, 1, 3}), {1, length, width});               // [1, T, E]
        y = layer.out_proj(concat);                                                              // [1, T, E]
        loss = 0.5 * sum(square(y));
        for (Tensor* t : {&q, &k, &v, &steps.scores, &steps.masked_scores, &steps.weights, &steps.output, &concat, &y})
            t->retain_grad();
        loss.backward();
    }
};

int run(const std::string& html) {
    const Tensor x = randn({1, length, width});
    OnTape tape(x);
    Report report(words);
    const auto per_head = [](const auto& f) { return std::vector<Matrix>{f(std::size_t{0}), f(std::size_t{1})}; };
    const auto project = [](const Matrix& from, const Linear& layer) {  // X Wᵀ + b
        const Matrix product = times(from, transposed(to_matrix(layer.weight))), bias = to_matrix(layer.bias);
        return matrix_of(product.rows, product.columns,
                         [&](std::size_t i, std::size_t j) { return product(i, j) + bias(0, j); });
    };
    const MultiHeadAttention& layer = tape.layer;

    fmt::print("Forward: {} words, width E = {}, {} heads of width D = {}. Heads stand side by side.\n", length, width, heads,
               head_dim);
    const Matrix X = to_matrix(x);
    report.step("words", "X [T, E]", {X});
    const auto Q = per_head([&](std::size_t h) { return columns_of(project(X, layer.q_proj), h); });
    const auto K = per_head([&](std::size_t h) { return columns_of(project(X, layer.k_proj), h); });
    const auto V = per_head([&](std::size_t h) { return columns_of(project(X, layer.v_proj), h); });
    report.compare("project to heads: queries", "Q = X Wqᵀ + bq, columns of each head [T, D]", Q, heads_of(tape.q));
    report.compare("project to heads: keys", "K = X Wkᵀ + bk [T, D]", K, heads_of(tape.k));
    report.compare("project to heads: values", "V = X Wvᵀ + bv [T, D]", V, heads_of(tape.v));
    const auto products = per_head([&](std::size_t h) { return times(Q[h], transposed(K[h])); });
    report.step("score", "Q Kᵀ [T, T], a row for each query", products);
    const auto S = per_head([&](std::size_t h) { return scaled(scale, products[h]); });
    report.compare("scale", fmt::format("S = Q Kᵀ / √D = {:.4f} Q Kᵀ", scale), S, heads_of(tape.steps.scores));
    const auto masked = per_head([&](std::size_t h) {
        return matrix_of(length, length, [&](std::size_t i, std::size_t j) { return j <= i ? S[h](i, j) : -INFINITY; });
    });
    report.compare("mask", "−∞ where the key comes after the query", masked, heads_of(tape.steps.masked_scores));
    const auto P = per_head([&](std::size_t h) { return softmax_of(masked[h]); });
    report.compare("softmax", "P = eˢ / Σ eˢ over each row", P, heads_of(tape.steps.weights));
    const auto O = per_head([&](std::size_t h) { return times(P[h], V[h]); });
    report.compare("weighted sum", "O = P V [T, D]", O, heads_of(tape.steps.output));
    const Matrix C = joined(O), Y = project(C, layer.out_proj);
    report.compare("concatenate", "C = [O of head 0, O of head 1] [T, E]", {C}, {to_matrix(tape.concat)});
    report.compare("project", "Y = C Woᵀ + bo [T, E]", {Y}, {to_matrix(tape.y)});
    report.compare("the layer, by its fused kernel", "MultiHeadAttention(X)", {Y},
                   {to_matrix(layer(x, AttentionMask::causal()))});

    fmt::print("\n\nBackward: the gradient of L = ½ Σ Y² = {:.6f}.\n", tape.loss.item());
    const auto gradient = [](const Tensor& t) { return to_matrix(t.grad()); };
    const auto gradients = [](const Tensor& t) { return heads_of(t.grad()); };
    const Matrix dY = Y;
    report.compare("loss", "dY = Y", {dY}, {gradient(tape.y)});
    report.compare("project: weight", "dWo = dYᵀ C", {times(transposed(dY), C)}, {gradient(layer.out_proj.weight)});
    report.compare("project: bias", "dbo = Σ dY over rows", {column_sums(dY)}, {gradient(layer.out_proj.bias)});
    const Matrix dC = times(dY, to_matrix(layer.out_proj.weight));
    report.compare("project: input", "dC = dY Wo", {dC}, {gradient(tape.concat)});
    const auto dO = per_head([&](std::size_t h) { return columns_of(dC, h); });
    report.compare("concatenate", "dO = the head's columns of dC", dO, gradients(tape.steps.output));
    const auto dV = per_head([&](std::size_t h) { return times(transposed(P[h]), dO[h]); });
    report.compare("weighted sum: values", "dV = Pᵀ dO", dV, gradients(tape.v));
    const auto dP = per_head([&](std::size_t h) { return times(dO[h], transposed(V[h])); });
    report.compare("weighted sum: weights", "dP = dO Vᵀ", dP, gradients(tape.steps.weights));
    const auto dS = per_head([&](std::size_t h) { return through_softmax(P[h], dP[h]); });
    report.compare("softmax", "dS = J dP for each row, J = diag(p) − p pᵀ", dS, gradients(tape.steps.masked_scores));
    report.compare("mask", "nothing comes back where P = 0", dS, gradients(tape.steps.scores));
    const auto dQ = per_head([&](std::size_t h) { return scaled(scale, times(dS[h], K[h])); });
    report.compare("scale and score: queries", "dQ = dS K / √D", dQ, gradients(tape.q));
    const auto dK = per_head([&](std::size_t h) { return scaled(scale, times(transposed(dS[h]), Q[h])); });
    report.compare("scale and score: keys", "dK = dSᵀ Q / √D", dK, gradients(tape.k));
    Matrix dX(length, width);
    const std::tuple<const char*, const Linear*, Matrix> projections[] = {{"q", &layer.q_proj, joined(dQ)},
                                                                          {"k", &layer.k_proj, joined(dK)},
                                                                          {"v", &layer.v_proj, joined(dV)}};
    for (const auto& [name, projection, d] : projections) {
        report.compare(fmt::format("project to heads: W{}", name),
                       fmt::format("dW{} = d{}ᵀ X", name, static_cast<char>(std::toupper(*name))), {times(transposed(d), X)},
                       {gradient(projection->weight)});
        report.compare(fmt::format("project to heads: b{}", name),
                       fmt::format("db{} = Σ d{} over rows", name, static_cast<char>(std::toupper(*name))), {column_sums(d)},
                       {gradient(projection->bias)});
        dX = plus(dX, times(d, to_matrix(projection->weight)));
    }
    report.compare("words", "dX = dQ Wq + dK Wk + dV Wv", {dX}, {gradient(tape.x)});

    if (!html.empty()) {
        study::Recorder recorder(tape.layer);
        const Tensor loss = 0.5 * sum(square(tape.layer(x.detach().requires_grad_(), AttentionMask::causal())));
        loss.backward();
        study::write_html(Tape(loss, recorder), html,
                          {.title = "Attention on four words", .labels = [](const std::string&) -> study::AttentionLabels {
                               return {words, words};
                           }});
        fmt::print("\nThe same as a page: {}\n", html);
    }
    fmt::print("\nattention_walkthrough: {} steps by hand and by the tape agree to {:.1e}\n", report.count(), report.largest());
    return report.largest() <= 1e-12 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Program program("attention_walkthrough",
                    "Shows every step of attention on four words, forward and back, by hand and by the tape.");
    std::string html;
    program.option("--html", html, "Write a page that shows the same to this file")->check(writable_file());
    return program.run(argc, argv, [&] { return run(html); });
}
