// The workloads of the side-by-side on Tapehead, written as its users would; workloads.hpp has the sizes and the loop.
#include <memory>
#include <string>
#include <vector>

#include <tapehead/tapehead.hpp>

#include "workloads.hpp"

using namespace tapehead;
using workloads::Arrays;
using workloads::Work;

namespace {

Tensor numbers(Arrays& arrays, const Shape& shape, double scale, double middle = 0) {
    return Tensor::from_values(arrays.numbers(shape.numel(), scale, middle), shape);
}

Ids ids(Arrays& arrays, const Shape& shape, long limit) {
    Ids result = make_array<Id>(shape);
    const std::vector<Id> values = arrays.ids(shape.numel(), limit);
    std::copy(values.begin(), values.end(), result.begin());
    return result;
}

double norm_of(const Tensor& x) { return workloads::norm(x.data(), x.numel()); }

double norm_of_gradients(Module& module) {
    double sum = 0;
    for (const Tensor& p : module.parameters()) sum += std::pow(norm_of(p.grad()), 2);
    return std::sqrt(sum);
}

// Start values

void start(Linear& layer, Arrays& arrays) {
    layer.weight.copy_(numbers(arrays, layer.weight.shape(), workloads::matrix_scale(layer.weight.size(1))));
    layer.bias.copy_(numbers(arrays, layer.bias.shape(), workloads::vector_scale));
}

void start(LayerNorm& norm, Arrays& arrays) {
    norm.weight.copy_(numbers(arrays, norm.weight.shape(), workloads::vector_scale, 1));
    norm.bias.copy_(numbers(arrays, norm.bias.shape(), workloads::vector_scale));
}

/// The peer keeps the first three projections as one matrix [3 E, E].
void start(MultiHeadAttention& attention, Arrays& arrays) {
    const Index e = attention.q_proj.weight.size(0);
    const auto weights = split(numbers(arrays, {3 * e, e}, workloads::matrix_scale(e)), e, 0);
    const auto biases = split(numbers(arrays, {3 * e}, workloads::vector_scale), e, 0);
    Linear* const projections[] = {&attention.q_proj, &attention.k_proj, &attention.v_proj};
    for (std::size_t i = 0; i < 3; ++i) {
        projections[i]->weight.copy_(weights[i]);
        projections[i]->bias.copy_(biases[i]);
    }
    start(attention.out_proj, arrays);
}

struct LanguageModel : Module {
    Embedding embedding;
    TransformerEncoder encoder;
    Linear output;

    LanguageModel(const workloads::Model& m, Arrays& arrays)
        : embedding(workloads::vocabulary, m.embed),
          encoder({.embed_dim = m.embed,
                   .num_heads = m.heads,
                   .num_encoder_layers = m.layers,
                   .feedforward_dim = m.hidden(),
                   .dropout = 0,
                   .activation = gelu}),
          output(m.embed, workloads::vocabulary) {
        const no_grad off;
        embedding.weight.copy_(numbers(arrays, embedding.weight.shape(), 1));
        for (TransformerEncoderLayer& layer : encoder.layers) {
            start(layer.self_attention, arrays);
            start(layer.feed_forward.linear1, arrays);
            start(layer.feed_forward.linear2, arrays);
            start(layer.norm1, arrays);
            start(layer.norm2, arrays);
        }
        start(output, arrays);
    }
    Tensor forward(const Ids& tokens) const { return output(encoder(embedding(tokens), AttentionMask::causal())); }
    Tensor forward(const Ids& tokens, std::vector<KeyValueCache>& caches) const {
        return output(encoder.forward(embedding(tokens), caches));
    }
    void visit(Visitor& v) override {
        v("embedding", embedding);
        v("encoder", encoder);
        v("output", output);
    }
};

// Workloads

Work training(const workloads::Training& s) {
    struct State {
        LanguageModel model;
        AdamW optimizer;
        std::vector<Ids> inputs, targets;
        std::size_t steps = 0;
        double loss = 0;
        State(const workloads::Model& m, Arrays& arrays) : model(m, arrays), optimizer(model.named_parameters()) {}
    };
    Arrays arrays;
    const auto state = std::make_shared<State>(s.model, arrays);
    for (std::size_t i = 0; i < workloads::batches; ++i) {
        state->inputs.push_back(ids(arrays, {s.batch, s.time}, workloads::vocabulary));
        state->targets.push_back(ids(arrays, {s.batch * s.time}, workloads::vocabulary));
    }
    const auto step = [state] {
        const std::size_t batch = state->steps++ % workloads::batches;
        state->optimizer.zero_grad();
        const Tensor logits = state->model.forward(state->inputs[batch]);  // [B, T, V]
        const Tensor loss = cross_entropy(flatten(logits, 0, 1), state->targets[batch]);
        loss.backward();
        state->optimizer.step();
        state->loss = loss.item();
    };
    return {step, [state] { return std::vector{state->loss}; }};
}

Work attention(const workloads::Attention& s) {
    Arrays arrays;
    const auto layer = std::make_shared<MultiHeadAttention>(s.embed, s.heads);
    {
        const no_grad off;
        start(*layer, arrays);
    }
    const auto y = std::make_shared<Tensor>();
    Tensor x = numbers(arrays, {1, s.time, s.embed}, 1).requires_grad_();
    const Tensor dy = numbers(arrays, {1, s.time, s.embed}, 1);
    const auto repeat = [=]() mutable {
        x.zero_grad();
        layer->zero_grad();
        *y = layer->forward(x, AttentionMask::causal());
        y->backward(dy);
    };
    return {repeat, [=] { return std::vector{norm_of(*y), norm_of(x.grad()), norm_of_gradients(*layer)}; }};
}

Work decoding(const workloads::Decoding& s) {
    Arrays arrays;
    const auto model = std::make_shared<LanguageModel>(s.model, arrays);
    model->eval();
    const auto tokens = std::make_shared<std::vector<Id>>();
    const auto repeat = [=] {
        const no_grad off;
        tokens->clear();
        auto caches = model->encoder.make_cache(1, s.tokens);
        Ids token = make_array<Id>({1, 1});
        token(0, 0) = 0;
        for (Index i = 0; i < s.tokens; ++i) {
            token = argmax(model->forward(token, caches), 2);  // [1, 1, V] → [1, 1]
            tokens->push_back(token(0, 0));
        }
    };
    return {repeat, [tokens] { return std::vector{workloads::checksum(*tokens)}; }};
}

Work chain(bool is_product) {
    using workloads::chain_elements, workloads::chain_length;
    Arrays arrays;
    Tensor x = numbers(arrays, {chain_elements}, 1).requires_grad_();
    Tensor w = numbers(arrays, {chain_elements}, 0.01, 1).requires_grad_(is_product);
    const auto repeat = [=]() mutable {
        x.zero_grad();
        w.zero_grad();
        Tensor y = x;
        for (long i = 0; i < chain_length; ++i) y = is_product ? y * w : tanh(y);
        sum(y).backward();
    };
    return {repeat, [=] { return std::vector{norm_of(x.grad()), is_product ? norm_of(w.grad()) : 0}; }};
}

/// Forward and backward of f(x), which is an array to be multiplied by a fixed one, or a loss.
template <class F>
Work function_of(Tensor x, Arrays& arrays, const F& f) {
    x.requires_grad_();
    const auto y = std::make_shared<Tensor>(f(x));
    const Tensor dy = y->dim() == 0 ? ones({}) : numbers(arrays, y->shape(), 1);
    const auto repeat = [=]() mutable {
        x.zero_grad();
        *y = f(x);
        y->backward(dy);
    };
    return {repeat, [=] { return std::vector{norm_of(*y), norm_of(x.grad())}; }};
}

/// The same for a layer, with the gradients of its parameters.
template <class L, class Input>
Work layer_of(const L& made, Input x, const Tensor& dy) {
    const auto layer = std::make_shared<L>(made);
    const auto y = std::make_shared<Tensor>();
    const auto repeat = [=]() mutable {
        if constexpr (std::same_as<Input, Tensor>) x.zero_grad();
        layer->zero_grad();
        *y = (*layer)(x);
        y->backward(dy);
    };
    return {repeat, [=] {
                std::vector values{norm_of(*y), norm_of_gradients(*layer)};
                if constexpr (std::same_as<Input, Tensor>) values.push_back(norm_of(x.grad()));
                return values;
            }};
}

Shape shape_of_matrix(const workloads::Matrix& m) { return {m.rows, m.columns}; }

template <class L>
L started(L layer, Arrays& arrays) {
    const no_grad off;
    start(layer, arrays);
    return layer;
}

Work linear_layer() {
    Arrays arrays;
    const Linear layer = started(Linear(workloads::linear_input.columns, workloads::linear_output.columns), arrays);
    const Tensor x = numbers(arrays, shape_of_matrix(workloads::linear_input), 1).requires_grad_();
    return layer_of(layer, x, numbers(arrays, shape_of_matrix(workloads::linear_output), 1));
}

Work norm_layer() {
    Arrays arrays;
    const Shape shape = shape_of_matrix(workloads::layer_norm_input);
    const LayerNorm layer = started(LayerNorm(shape[1]), arrays);
    const Tensor x = numbers(arrays, shape, 1).requires_grad_();
    return layer_of(layer, x, numbers(arrays, shape, 1));
}

Work embedding_layer() {
    Arrays arrays;
    Embedding layer(workloads::embedding_table.rows, workloads::embedding_table.columns);
    {
        const no_grad off;
        layer.weight.copy_(numbers(arrays, layer.weight.shape(), 1));
    }
    const Ids tokens = ids(arrays, {workloads::embedding_ids}, workloads::embedding_table.rows);
    return layer_of(layer, tokens, numbers(arrays, {workloads::embedding_ids, workloads::embedding_table.columns}, 1));
}

Work loss() {
    Arrays arrays;
    const Tensor x = numbers(arrays, shape_of_matrix(workloads::logits), 3);
    const Ids targets = ids(arrays, {workloads::logits.rows}, workloads::logits.columns);
    return function_of(x, arrays, [=](const Tensor& logits) { return cross_entropy(logits, targets); });
}

Work activation() {
    Arrays arrays;
    const Tensor x = numbers(arrays, shape_of_matrix(workloads::gelu_input), 3);
    return function_of(x, arrays, [](const Tensor& t) { return gelu(t); });
}

Work optimizer_step(const workloads::Model& m) {
    Arrays arrays;
    std::vector<Tensor> parameters;
    for (const std::vector<long>& extents : workloads::parameter_shapes(m)) {
        const Shape shape{std::span<const Index>(extents)};
        parameters.push_back(numbers(arrays, shape, 1).requires_grad_());
        parameters.back().set_grad(numbers(arrays, shape, 1));
    }
    const auto optimizer = std::make_shared<AdamW>(parameters);
    return {[optimizer] { optimizer->step(); },
            [parameters] {
                double sum = 0;
                for (const Tensor& p : parameters) sum += norm_of(p);
                return std::vector{sum};
            }};
}

const workloads::Makers make{training,   attention, decoding,        chain,      linear_layer,
                             norm_layer, loss,      embedding_layer, activation, optimizer_step};

}  // namespace

int main(int argc, char** argv) {
    return workloads::serve(argc, argv, {"Tapehead " + std::string(version), [](int n) { set_num_threads(n); }, make});
}
