// GPT-2 for test_gpt2.py, which has another one in PyTorch: the logits of a folder's model, and its losses while it trains.
#include <iostream>

#include <support/gpt2.hpp>
#include <tapehead/tapehead.hpp>
#include <xtensor/xview.hpp>

using namespace tapehead;
using namespace examples;

namespace {

/// The logits of every place, read token by token: [B, T, V].
Tensor cached_logits(const GPT2& model, const Ids& ids) {
    const no_grad off;
    const auto batch = static_cast<Index>(ids.shape(0)), length = static_cast<Index>(ids.shape(1));
    std::vector<KeyValueCache> caches = model.layers.make_cache(batch, length);
    std::vector<Tensor> logits;
    for (Index t = 0; t < length; ++t) logits.push_back(model.next(Ids(xt::view(ids, xt::all(), xt::range(t, t + 1))), caches));
    return stack(logits, 1);
}

/// One step of AdamW on each batch; the loss before it.
Tensor train(GPT2& model, const Ids& inputs, const Ids& targets, Real lr) {
    AdamW optimizer(model.named_parameters(), {.lr = lr});
    std::vector<Tensor> losses;
    for (std::size_t step = 0; step < inputs.shape(0); ++step) {
        const Tensor loss = model.loss({xt::view(inputs, step), xt::view(targets, step)});
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        losses.push_back(loss.detach());
    }
    return stack(losses);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 6) throw ValueError("gpt2_peer: expected FOLDER BATCHES LR RESULTS SAVED, got something else");
    const SafetensorsFile batches(argv[2]);
    const Ids inputs = batches.ids("inputs"), targets = batches.ids("targets");  // [steps, B, T]
    GPT2 model = load_gpt2(argv[1]);
    model.eval();
    const Ids first = xt::view(inputs, 0);
    const Tensor logits = model.forward(first).detach(), cached = cached_logits(model, first);
    model.train();
    const Tensor losses = train(model, inputs, targets, std::stod(argv[3]));
    save_safetensors(argv[4], {{"logits", logits}, {"cached", cached}, {"losses", losses}});
    save_gpt2(argv[5], model);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
