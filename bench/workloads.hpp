// The workloads of the side-by-side: their names and sizes, the numbers that they start from, and the loop of a worker.
//
// Knows none of the libraries that are compared. Numbers are a function of (array, position) alone, so that every worker starts
// from the same ones without files.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace workloads {

/// A workload of the table. A repetition of it holds `units` of what the table gives the time of.
struct Workload {
    const char* name;
    int units;
    bool products;  ///< whether matrix products bound it from below
    const char* title;
};

// clang-format off
inline constexpr Workload table[] = {
    {"train:8,16,32,2,4",         1, true,  "training step, tiny: B8 T16 E32 L2 H4"},
    {"train:32,64,128,2,4",       1, true,  "training step, small: B32 T64 E128 L2 H4"},
    {"train:8,128,256,4,8",       1, true,  "training step, medium: B8 T128 E256 L4 H8"},
    {"train:4,256,512,4,8",       1, true,  "training step, large: B4 T256 E512 L4 H8"},
    {"attention:512,256,8",       1, true,  "causal attention layer, T 512"},
    {"attention:2048,256,8",      1, true,  "causal attention layer, T 2048"},
    {"attention:4096,256,8",      1, true,  "causal attention layer, T 4096"},
    {"attention:8192,256,8",      1, true,  "causal attention layer, T 8192"},
    {"decode",                  128, false, "greedy decoding, a token: E128 L2 H4"},
    {"tanh",                    100, false, "tanh of 16 elements, one of a chain"},
    {"mul",                     100, false, "product of 16 elements, one of a chain"},
    {"linear",                    1, true,  "Linear 256 to 1024, 1024 rows"},
    {"layer_norm",                1, false, "LayerNorm, 1024 x 512"},
    {"cross_entropy",             1, false, "softmax and cross-entropy, 1024 x 4096"},
    {"embedding",                 1, false, "Embedding, 1024 of 8192 x 256"},
    {"gelu",                      1, false, "GELU, 1024 x 1024"},
    {"adamw:2,32",                1, false, "AdamW, the tiny model"},
    {"adamw:4,512",               1, false, "AdamW, the large model"},
};
// clang-format on

// Sizes

inline constexpr long vocabulary = 256;

/// A language model: Embedding, post-norm encoder layers with a causal mask and a feed-forward network of 4 E, Linear.
struct Model {
    long embed, layers, heads;
    long hidden() const { return 4 * embed; }
};

struct Training {
    long batch, time;
    Model model;
};

struct Attention {
    long time, embed, heads;
};

struct Decoding {
    long tokens = 128;
    Model model = {128, 2, 4};
};

struct Matrix {
    long rows, columns;
};

inline constexpr Matrix linear_input = {1024, 256}, linear_output = {1024, 1024};
inline constexpr Matrix layer_norm_input = {1024, 512};
inline constexpr Matrix logits = {1024, 4096};
inline constexpr Matrix embedding_table = {8192, 256};
inline constexpr long embedding_ids = 1024;
inline constexpr Matrix gelu_input = {1024, 1024};
inline constexpr long chain_length = 100, chain_elements = 16;

/// A workload by its name: "train:8,16,32,2,4" is of kind "train" with these numbers.
struct Name {
    std::string kind;
    std::vector<long> numbers;

    explicit Name(const std::string& text) {
        std::istringstream in(text);
        std::getline(in, kind, ':');
        for (std::string number; std::getline(in, number, ',');) numbers.push_back(std::stol(number));
    }
    Training training() const {
        expect(5);
        return {numbers[0], numbers[1], {numbers[2], numbers[3], numbers[4]}};
    }
    Attention attention() const {
        expect(3);
        return {numbers[0], numbers[1], numbers[2]};
    }
    Model adamw() const {
        expect(2);
        return {numbers[1], numbers[0], 1};
    }

private:
    void expect(std::size_t count) const {
        if (numbers.size() != count)
            throw std::runtime_error(kind + ": expected " + std::to_string(count) + " numbers, got " +
                                     std::to_string(numbers.size()));
    }
};

/// The extents of a model's parameters; the projections of queries, keys and values count as one.
inline std::vector<std::vector<long>> parameter_shapes(const Model& m) {
    const long e = m.embed, f = m.hidden();
    std::vector<std::vector<long>> shapes = {{vocabulary, e}};
    for (long layer = 0; layer < m.layers; ++layer)
        for (const auto& shape :
             std::vector<std::vector<long>>{{3 * e, e}, {3 * e}, {e, e}, {e}, {f, e}, {f}, {e, f}, {e}, {e}, {e}, {e}, {e}})
            shapes.push_back(shape);
    shapes.push_back({vocabulary, e});
    shapes.push_back({vocabulary});
    return shapes;
}

inline long product(const std::vector<long>& extents) {
    long result = 1;
    for (const long extent : extents) result *= extent;
    return result;
}

// Numbers

/// 64 bits that look random (splitmix64, Steele et al. 2014).
inline std::uint64_t hash(std::uint64_t array, std::uint64_t position) {
    std::uint64_t z = (array << 40 ^ position) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/// The arrays of a workload, one after another: both libraries ask for them in the same order.
class Arrays {
public:
    /// `count` numbers of [middle − scale, middle + scale)
    std::vector<float> numbers(long count, double scale, double middle = 0) {
        std::vector<float> result(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] = static_cast<float>(middle + scale * (static_cast<double>(hash(next_, i) >> 40) * 0x1p-23 - 1));
        ++next_;
        return result;
    }
    /// `count` ids of [0, limit)
    std::vector<std::int64_t> ids(long count, long limit) {
        std::vector<std::int64_t> result(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] = static_cast<std::int64_t>(hash(next_, i) % static_cast<std::uint64_t>(limit));
        ++next_;
        return result;
    }

private:
    std::uint64_t next_ = 1;
};

/// What a matrix [out, in] starts in, to either side of 0.
inline double matrix_scale(long in) { return 1 / std::sqrt(static_cast<double>(in)); }
inline constexpr double vector_scale = 0.1;

/// Several batches, taken in turn: a single one would be learned by heart, and its gradients would vanish.
inline constexpr std::size_t batches = 16;

// Results

/// √Σ x²: what is compared of an array.
inline double norm(const float* x, long n) {
    double sum = 0;
    for (long i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
    return std::sqrt(sum);
}

/// A number that differs if one of the tokens does, small enough to be exact.
inline double checksum(const std::vector<std::int64_t>& tokens) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) sum = hash(sum, static_cast<std::uint64_t>(tokens[i])) >> 24;
    return static_cast<double>(sum);
}

// The worker

/// A workload, ready to run: one repetition, and the results of the last one.
struct Work {
    std::function<void()> repeat;
    std::function<std::vector<double>()> values;
};

/// The largest resident memory of this process so far, in kB.
inline long peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
    return 0;
}

/// Obeys the lines of stdin until it ends: `run K` repeats K times and prints `seconds value...`, `peak` prints the peak memory.
inline void obey(const Work& work) {
    for (std::string line, command; std::getline(std::cin, line);) {
        std::istringstream in(line);
        in >> command;
        if (command == "peak") {
            std::printf("%ld\n", peak_memory());
        } else if (long count = 0; command == "run" && in >> count) {
            const auto start = std::chrono::steady_clock::now();
            for (long i = 0; i < count; ++i) work.repeat();
            const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
            std::printf("%.9f", seconds.count());
            for (const double value : work.values()) std::printf(" %.9g", value);
            std::printf("\n");
        } else {
            throw std::runtime_error("expected run K or peak, got " + line);
        }
        std::fflush(stdout);
    }
}

/// How a library makes each kind of workload.
struct Makers {
    std::function<Work(const Training&)> training;
    std::function<Work(const Attention&)> attention;
    std::function<Work(const Decoding&)> decoding;
    std::function<Work(bool is_product)> chain;
    std::function<Work()> linear, layer_norm, cross_entropy, embedding, gelu;
    std::function<Work(const Model&)> optimizer_step;

    Work operator()(const Name& name) const {
        if (name.kind == "train") return training(name.training());
        if (name.kind == "attention") return attention(name.attention());
        if (name.kind == "decode") return decoding({});
        if (name.kind == "tanh" || name.kind == "mul") return chain(name.kind == "mul");
        if (name.kind == "linear") return linear();
        if (name.kind == "layer_norm") return layer_norm();
        if (name.kind == "cross_entropy") return cross_entropy();
        if (name.kind == "embedding") return embedding();
        if (name.kind == "gelu") return gelu();
        if (name.kind == "adamw") return optimizer_step(name.adamw());
        throw std::runtime_error("no workload " + name.kind);
    }
};

/// What a worker brings along: its library's name and version, a way to set the threads, and its workloads.
struct Worker {
    std::string about;
    std::function<void(int)> set_threads;
    std::function<Work(const Name&)> make;
};

/// The main function of a worker: `WORKLOAD --threads N`, `--list` or `--about`.
inline int serve(int argc, char** argv, const Worker& worker) try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments == std::vector<std::string>{"--list"}) {
        for (const Workload& w : table) std::printf("%s\t%d\t%d\t%s\n", w.name, w.units, w.products, w.title);
    } else if (arguments == std::vector<std::string>{"--about"}) {
        std::printf("%s\n", worker.about.c_str());
    } else if (arguments.size() == 3 && arguments[1] == "--threads") {
        worker.set_threads(std::stoi(arguments[2]));
        obey(worker.make(Name(arguments[0])));
    } else {
        std::fprintf(stderr, "usage: %s WORKLOAD --threads N | --list | --about\n", argv[0]);
        return 2;
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
}

}  // namespace workloads
