// The workloads of the side-by-side on libtorch, written as an expert user of its C++ interface would; workloads.hpp has the
// sizes and the loop.
//
// Sequences are [T, B, E], the layout that its attention computes in. Of its two ways to clear gradients, dropping them and filling
// them with zeros, each workload has the faster: the second for attention alone, the first for all others.
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "workloads.hpp"

namespace {

using torch::Tensor;
using workloads::Arrays;
using workloads::Work;
namespace nn = torch::nn;

Tensor numbers(Arrays& arrays, const std::vector<int64_t>& shape, double scale, double middle = 0) {
    const std::vector<float> values = arrays.numbers(workloads::product({shape.begin(), shape.end()}), scale, middle);
    return torch::tensor(values).view(shape);
}

Tensor ids(Arrays& arrays, long count, long limit) { return torch::tensor(arrays.ids(count, limit), torch::kInt64); }

double norm_of(const Tensor& x) {
    const Tensor y = x.detach().contiguous();
    return workloads::norm(y.data_ptr<float>(), y.numel());
}

double norm_of_gradients(const nn::Module& module) {
    double sum = 0;
    for (const Tensor& p : module.parameters()) sum += std::pow(norm_of(p.grad()), 2);
    return std::sqrt(sum);
}

void drop_gradients(const std::vector<Tensor>& parameters) {
    for (const Tensor& p : parameters) p.mutable_grad() = Tensor();
}

// Start values

void start_matrix(const Tensor& weight, Arrays& arrays) {
    const torch::NoGradGuard off;
    weight.copy_(numbers(arrays, weight.sizes().vec(), workloads::matrix_scale(weight.size(1))));
}

void start_vector(const Tensor& bias, Arrays& arrays, double middle = 0) {
    const torch::NoGradGuard off;
    bias.copy_(numbers(arrays, bias.sizes().vec(), workloads::vector_scale, middle));
}

void start(nn::Linear& layer, Arrays& arrays) {
    start_matrix(layer->weight, arrays);
    start_vector(layer->bias, arrays);
}

void start(nn::LayerNorm& norm, Arrays& arrays) {
    start_vector(norm->weight, arrays, 1);
    start_vector(norm->bias, arrays);
}

void start(nn::MultiheadAttention& attention, Arrays& arrays) {
    start_matrix(attention->in_proj_weight, arrays);
    start_vector(attention->in_proj_bias, arrays);
    start_matrix(attention->out_proj->weight, arrays);
    start_vector(attention->out_proj->bias, arrays);
}

void start(nn::Embedding& embedding, Arrays& arrays) {
    const torch::NoGradGuard off;
    embedding->weight.copy_(numbers(arrays, embedding->weight.sizes().vec(), 1));
}

/// 0 where a query may attend, −∞ where not: [T, T].
Tensor causal_mask(long time) { return torch::full({time, time}, -std::numeric_limits<float>::infinity()).triu(1); }

struct LanguageModel : nn::Module {
    nn::Embedding embedding;
    nn::TransformerEncoder encoder;
    nn::Linear output;

    LanguageModel(const workloads::Model& m, Arrays& arrays)
        : embedding(workloads::vocabulary, m.embed),
          encoder(nn::TransformerEncoderOptions(nn::TransformerEncoderLayerOptions(m.embed, m.heads)
                                                    .dim_feedforward(m.hidden())
                                                    .dropout(0)
                                                    .activation(torch::kGELU),
                                                m.layers)),
          output(m.embed, workloads::vocabulary) {
        register_module("embedding", embedding);
        register_module("encoder", encoder);
        register_module("output", output);
        start(embedding, arrays);
        for (long i = 0; i < m.layers; ++i) {
            nn::TransformerEncoderLayerImpl& layer = encoder->layers->at<nn::TransformerEncoderLayerImpl>(i);
            start(layer.self_attn, arrays);
            start(layer.linear1, arrays);
            start(layer.linear2, arrays);
            start(layer.norm1, arrays);
            start(layer.norm2, arrays);
        }
        start(output, arrays);
    }
    Tensor forward(const Tensor& tokens, const Tensor& mask) { return output(encoder(embedding(tokens), mask)); }
};

// Workloads

Work training(const workloads::Training& s) {
    struct State {
        LanguageModel model;
        torch::optim::AdamW optimizer;
        std::vector<Tensor> inputs, targets;
        Tensor mask;
        std::size_t steps = 0;
        double loss = 0;
        State(const workloads::Model& m, Arrays& arrays) : model(m, arrays), optimizer(model.parameters()) {}
    };
    Arrays arrays;
    const auto state = std::make_shared<State>(s.model, arrays);
    state->mask = causal_mask(s.time);
    for (std::size_t i = 0; i < workloads::batches; ++i)
        for (auto* list : {&state->inputs, &state->targets})
            list->push_back(ids(arrays, s.batch * s.time, workloads::vocabulary).view({s.batch, s.time}).t().contiguous());
    const auto step = [state] {
        const std::size_t batch = state->steps++ % workloads::batches;
        state->model.zero_grad(/*set_to_none=*/true);
        const Tensor logits = state->model.forward(state->inputs[batch], state->mask);  // [T, B, V]
        const Tensor loss = nn::functional::cross_entropy(logits.flatten(0, 1), state->targets[batch].flatten());
        loss.backward();
        state->optimizer.step();
        state->loss = loss.item<float>();
    };
    return {step, [state] { return std::vector{state->loss}; }};
}

Work attention(const workloads::Attention& s) {
    Arrays arrays;
    nn::MultiheadAttention layer(s.embed, s.heads);
    start(layer, arrays);
    const auto y = std::make_shared<Tensor>();
    const Tensor x = numbers(arrays, {s.time, 1, s.embed}, 1).requires_grad_();
    const Tensor dy = numbers(arrays, {s.time, 1, s.embed}, 1), mask = causal_mask(s.time);
    const auto repeat = [=]() mutable {
        if (x.grad().defined()) x.mutable_grad().zero_();
        layer->zero_grad();
        *y = std::get<0>(layer(x, x, x, /*key_padding_mask=*/Tensor(), /*need_weights=*/false, mask));
        y->backward(dy);
    };
    return {repeat, [=] { return std::vector{norm_of(*y), norm_of(x.grad()), norm_of_gradients(*layer)}; }};
}

/// The weights of a layer as decoding uses them, and its keys and values so far [H, capacity, D].
struct DecoderLayer {
    Tensor in_weight, in_bias, out_weight, out_bias, weight1, bias1, weight2, bias2, norm1_weight, norm1_bias, norm2_weight,
        norm2_bias, keys, values;

    DecoderLayer(nn::TransformerEncoderLayerImpl& layer, long heads, long capacity)
        : in_weight(layer.self_attn->in_proj_weight),
          in_bias(layer.self_attn->in_proj_bias),
          out_weight(layer.self_attn->out_proj->weight),
          out_bias(layer.self_attn->out_proj->bias),
          weight1(layer.linear1->weight),
          bias1(layer.linear1->bias),
          weight2(layer.linear2->weight),
          bias2(layer.linear2->bias),
          norm1_weight(layer.norm1->weight),
          norm1_bias(layer.norm1->bias),
          norm2_weight(layer.norm2->weight),
          norm2_bias(layer.norm2->bias),
          keys(torch::empty({heads, capacity, out_bias.size(0) / heads})),
          values(torch::empty_like(keys)) {}

    /// x [1, E] at `position` → [1, E]
    Tensor forward(const Tensor& x, long position) {
        const long e = x.size(1), d = keys.size(2);
        const Tensor qkv = at::linear(x, in_weight, in_bias).view({3, -1, d});  // [3, H, D]
        keys.select(1, position).copy_(qkv.select(0, 1));
        values.select(1, position).copy_(qkv.select(0, 2));
        const Tensor q = qkv.select(0, 0).unsqueeze(1).mul(1 / std::sqrt(static_cast<double>(d)));  // [H, 1, D]
        const Tensor scores = at::bmm(q, keys.narrow(1, 0, position + 1).transpose(1, 2));          // [H, 1, t]
        const Tensor heads = at::bmm(scores.softmax(-1), values.narrow(1, 0, position + 1));        // [H, 1, D]
        const Tensor attended = at::linear(heads.view({1, e}), out_weight, out_bias).add_(x);       // [1, E]
        const Tensor normed = at::layer_norm(attended, {e}, norm1_weight, norm1_bias);
        const Tensor fed = at::linear(at::gelu(at::linear(normed, weight1, bias1)), weight2, bias2).add_(normed);
        return at::layer_norm(fed, {e}, norm2_weight, norm2_bias);
    }
};

Work decoding(const workloads::Decoding& s) {
    Arrays arrays;
    const auto model = std::make_shared<LanguageModel>(s.model, arrays);
    const auto layers = std::make_shared<std::vector<DecoderLayer>>();
    for (long i = 0; i < s.model.layers; ++i)
        layers->emplace_back(model->encoder->layers->at<nn::TransformerEncoderLayerImpl>(i), s.model.heads, s.tokens);
    const auto tokens = std::make_shared<std::vector<int64_t>>();
    const auto repeat = [=] {
        const c10::InferenceMode on;  // does less than NoGradGuard
        tokens->clear();
        Tensor token = torch::zeros({1}, torch::kInt64);
        for (long i = 0; i < s.tokens; ++i) {
            Tensor x = at::embedding(model->embedding->weight, token);  // [1, E]
            for (DecoderLayer& layer : *layers) x = layer.forward(x, i);
            token = at::linear(x, model->output->weight, model->output->bias).argmax(1);  // [1]
            tokens->push_back(token.item<int64_t>());
        }
    };
    return {repeat, [tokens] { return std::vector{workloads::checksum(*tokens)}; }};
}

Work chain(bool is_product) {
    using workloads::chain_elements, workloads::chain_length;
    Arrays arrays;
    const Tensor x = numbers(arrays, {chain_elements}, 1).requires_grad_();
    const Tensor w = numbers(arrays, {chain_elements}, 0.01, 1).requires_grad_(is_product);
    const auto repeat = [=] {
        drop_gradients({x, w});
        Tensor y = x;
        for (long i = 0; i < chain_length; ++i) y = is_product ? y * w : y.tanh();
        y.sum().backward();
    };
    return {repeat, [=] { return std::vector{norm_of(x.grad()), is_product ? norm_of(w.grad()) : 0}; }};
}

/// Forward and backward of f(x), with the gradients of the parameters too. A loss takes no dy.
template <class F>
Work function_of(F f, const Tensor& x, const std::vector<Tensor>& parameters, const Tensor& dy = {}) {
    const auto y = std::make_shared<Tensor>();
    const auto repeat = [=]() mutable {
        x.mutable_grad() = Tensor();
        drop_gradients(parameters);
        *y = f(x);
        y->backward(dy);
    };
    return {repeat, [=] {
                std::vector values{norm_of(*y)};
                double sum = 0;
                for (const Tensor& p : parameters) sum += std::pow(norm_of(p.grad()), 2);
                if (!parameters.empty()) values.push_back(std::sqrt(sum));
                if (x.requires_grad()) values.push_back(norm_of(x.grad()));
                return values;
            }};
}

std::vector<int64_t> shape(const workloads::Matrix& m) { return {m.rows, m.columns}; }

Work linear_layer() {
    Arrays arrays;
    nn::Linear layer(workloads::linear_input.columns, workloads::linear_output.columns);
    start(layer, arrays);
    const Tensor x = numbers(arrays, shape(workloads::linear_input), 1).requires_grad_();
    const Tensor dy = numbers(arrays, shape(workloads::linear_output), 1);
    return function_of([=](const Tensor& t) mutable { return layer(t); }, x, layer->parameters(), dy);
}

Work norm_layer() {
    Arrays arrays;
    nn::LayerNorm layer(nn::LayerNormOptions({workloads::layer_norm_input.columns}));
    start(layer, arrays);
    const Tensor x = numbers(arrays, shape(workloads::layer_norm_input), 1).requires_grad_();
    const Tensor dy = numbers(arrays, shape(workloads::layer_norm_input), 1);
    return function_of([=](const Tensor& t) mutable { return layer(t); }, x, layer->parameters(), dy);
}

Work embedding_layer() {
    Arrays arrays;
    nn::Embedding layer(workloads::embedding_table.rows, workloads::embedding_table.columns);
    start(layer, arrays);
    const Tensor tokens = ids(arrays, workloads::embedding_ids, workloads::embedding_table.rows);
    const Tensor dy = numbers(arrays, {workloads::embedding_ids, workloads::embedding_table.columns}, 1);
    return function_of([=](const Tensor& t) mutable { return layer(t); }, tokens, layer->parameters(), dy);
}

Work loss() {
    Arrays arrays;
    const Tensor x = numbers(arrays, shape(workloads::logits), 3).requires_grad_();
    const Tensor targets = ids(arrays, workloads::logits.rows, workloads::logits.columns);
    return function_of([=](const Tensor& t) { return nn::functional::cross_entropy(t, targets); }, x, {});
}

Work activation() {
    Arrays arrays;
    const Tensor x = numbers(arrays, shape(workloads::gelu_input), 3).requires_grad_();
    return function_of([](const Tensor& t) { return at::gelu(t); }, x, {}, numbers(arrays, shape(workloads::gelu_input), 1));
}

Work optimizer_step(const workloads::Model& m) {
    Arrays arrays;
    std::vector<Tensor> parameters;
    for (const std::vector<long>& extents : workloads::parameter_shapes(m)) {
        const std::vector<int64_t> shape(extents.begin(), extents.end());
        parameters.push_back(numbers(arrays, shape, 1).requires_grad_());
        parameters.back().mutable_grad() = numbers(arrays, shape, 1);
    }
    const auto optimizer = std::make_shared<torch::optim::AdamW>(parameters);
    return {[optimizer] { optimizer->step(); },
            [parameters] {
                double sum = 0;
                for (const Tensor& p : parameters) sum += norm_of(p);
                return std::vector{sum};
            }};
}

const workloads::Makers make{training,   attention, decoding,        chain,      linear_layer,
                             norm_layer, loss,      embedding_layer, activation, optimizer_step};

void set_threads(int n) {
    at::set_num_threads(n);
    at::set_num_interop_threads(1);
}

}  // namespace

int main(int argc, char** argv) { return workloads::serve(argc, argv, {"libtorch " TORCH_VERSION, set_threads, make}); }
