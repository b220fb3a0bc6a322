// Any text as the config.json of a GPT-2: read, or refused with FileError. A small model of what was read is built, saved, and read again;
// a folder that holds another model is refused.
#include <fuzz/target.hpp>

#include <support/gpt2.hpp>
#include <support/scratch.hpp>

using namespace fuzz;

namespace {

/// About how many numbers a model has.
double size_of(const examples::GPT2Config& c) {
    const auto n = [](Index count) { return static_cast<double>(count); };
    return n(c.n_embd) * (n(c.vocab_size) + n(c.n_positions) +
                          n(c.n_layer) * (4 * n(c.n_embd) + 2 * n(c.n_inner ? c.n_inner : 4 * c.n_embd)));
}

/// Reads the configuration beside the tensors of a small model.
void read_beside_others(const std::string& text) {
    static const std::string folder = [] {
        examples::GPT2Config small;
        small.vocab_size = 5, small.n_positions = 4, small.n_embd = 4, small.n_layer = 1, small.n_head = 2;
        examples::GPT2 model(small);
        examples::save_gpt2(testing::scratch("small"), model);
        return testing::scratch("small");
    }();
    write_file(folder + "/config.json", text);
    accepts<FileError, StateError, ValueError>([&] { examples::load_gpt2(folder); });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(text_of(data, size));
    examples::GPT2Config config;
    if (!accepts<FileError>([&] { config = examples::parse_gpt2_config(text); })) return 0;
    read_beside_others(text);
    if (size_of(config) > 20'000 || config.n_layer > 8) return 0;
    accepts<ValueError>([&] {  // for rates out of range
        examples::GPT2 model(config);
        const std::string folder = testing::scratch("again");
        examples::save_gpt2(folder, model);
        examples::GPT2 again = examples::load_gpt2(folder);
        require(is_same(model.state_dict(), again.state_dict()), "the same model again");
        require(again.config.n_embd == config.n_embd && again.config.n_inner == config.n_inner &&
                    again.config.layer_norm_epsilon == config.layer_norm_epsilon &&
                    again.config.activation_function == config.activation_function,
                "the same configuration again");
    });
    return 0;
}
