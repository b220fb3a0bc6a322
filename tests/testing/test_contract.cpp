// The contract for other people's operations and layers: right ones pass, and each kind of fault is found and said.
#include <support/testing.hpp>

#include <tapehead/testing/catch2.hpp>

// The library's namespace of this name, beside that of these tests.
namespace contract = tapehead::testing;

namespace {

using namespace tapehead;
using ::testing::is_f64;
using ::testing::numbers;

Tensor ones_with_grad() { return ones({3, 4}).requires_grad_(); }

/// y = x² by a rule that is given.
template <class Rule>
Function squared(Rule rule) {
    return [rule](const std::vector<Tensor>& in) {
        const Tensor x = in[0];
        Tensor y = Tensor::empty(x.shape());
        for (Index i = 0; i < x.numel(); ++i) y.raw()[i] = x.data()[i] * x.data()[i];
        return record("squared", y, wrt(x, [x, rule](const Tensor& dy) { return rule(x, dy); }));
    };
}

/// A scale for each feature, with what tests break switched on.
struct Scale : Layer {
    Tensor weight, shift;
    bool is_forgotten = false, is_random = false, mixes_rows = false;
    Linear inner;

    explicit Scale(Index features = 4)
        : weight(make_parameter({features})), shift(make_parameter({features})), inner(features, features) {
        init::normal_(weight);
        init::normal_(shift);
    }
    Tensor forward(const Tensor& x) const override {
        Tensor y = inner(x * weight) + shift;
        if (mixes_rows) y = y - mean(y, {0}, true);
        if (is_random) y = y * rand({1});
        return y;
    }
    void visit(Visitor& v) override {
        v("weight", weight);
        if (!is_forgotten) v("shift", shift);
        v("inner", inner);
    }
};

/// Whether one of the faults has this text.
bool has(const contract::Faults& faults, const std::string& text) {
    return std::ranges::any_of(faults, [&](const std::string& fault) { return fault.find(text) != std::string::npos; });
}

template <class Break>
contract::Faults faults_of_scale(Break how, const contract::LayerContract& options = {}) {
    manual_seed(1);
    return contract::layer_faults(contract::layer_case(
                                      [how] {
                                          Scale scale;
                                          how(scale);
                                          return scale;
                                      },
                                      numbers({3, 4})),
                                  options);
}

}  // namespace

TEST_CASE("contract: operations that are right pass, of one tensor to three and of a list") {
    const Tensor x = numbers({3, 4}).requires_grad_(), y = numbers({3, 4}, 2).requires_grad_(),
                 scalar = Tensor(2).requires_grad_();
    contract::check_operation([](const Tensor& a) { return tanh(a); }, {x});
    contract::check_operation([](const Tensor& a, const Tensor& b) { return a * b; }, {x, y});
    contract::check_operation([](const Tensor& a, const Tensor& b) { return matmul(a, transpose(b)); }, {x, y});
    contract::check_operation([](const Tensor& a, const Tensor& b, const Tensor& c) { return a * b + c; }, {x, y, scalar});
    contract::check_operation([](const std::vector<Tensor>& in) { return concat({in[0], in[1]}, 0); }, {x, y.detach()});
    contract::check_operation([](const Tensor& a) { return dropout(a, 0.5, true); }, {x});
}

TEST_CASE("contract: a matcher says whether a gradient is right") {
    if (!is_f64) return;
    const Tensor x = numbers({3, 4}).requires_grad_();
    CHECK_THAT(squared([](const Tensor& a, const Tensor& dy) { return 2 * a * dy; }), contract::passes_gradcheck({x}));
    CHECK_THAT([](const Tensor& a) { return sin(a); }, contract::passes_gradcheck({x}));
    const contract::passes_gradcheck check({x});
    CHECK_FALSE(check.match(squared([](const Tensor& a, const Tensor& dy) { return 3 * a * dy; })));
    CHECK_THAT(check.toString(), Catch::Contains("passes gradcheck: ") && Catch::Contains("input 0"));
}

TEST_CASE("contract: a matcher finds a first derivative that is right and a second one that is not") {
    if (!is_f64) return;
    const Tensor x = numbers({3, 4}).requires_grad_();
    const Function once = squared([](const Tensor& a, const Tensor& dy) { return 2 * a.detach() * dy; });
    CHECK_FALSE(contract::passes_gradcheck({x}).match(once));
    CHECK(contract::passes_gradcheck({x}, {}, false).match(once));
    CHECK(has(contract::operation_faults(once, {x}), "second derivatives: "));
    CHECK(contract::operation_faults(once, {x}, {.second_order = false}).empty());
}

TEST_CASE("contract: an operation with a wrong rule is found") {
    if (!is_f64) return;
    const contract::Faults faults =
        contract::operation_faults(squared([](const Tensor& a, const Tensor& dy) { return a * dy; }), {ones_with_grad()});
    CHECK(has(faults, "first derivatives: "));
}

TEST_CASE("contract: an operation that changes its input is found") {
    const Function changes = [](const std::vector<Tensor>& in) {
        const no_grad off;
        Tensor value = in[0].detach();
        value.mul_(2);
        const enable_grad on;
        return sum(in[0]);
    };
    CHECK(has(contract::operation_faults(changes, {ones_with_grad()}), "expected input 0 as it was, got it changed"));
}

TEST_CASE("contract: an operation that remembers is found") {
    const Function remembers = [calls = 0.0](const std::vector<Tensor>& in) mutable { return in[0] * (calls += 1); };
    CHECK(has(contract::operation_faults(remembers, {ones_with_grad()}), "expected the same bits from the same inputs"));
}

TEST_CASE("contract: an operation that depends on the number of threads is found") {
    const Function depends = [](const std::vector<Tensor>& in) { return in[0] * num_threads(); };
    CHECK(has(contract::operation_faults(depends, {ones_with_grad()}), "the value on two threads"));
}

TEST_CASE("contract: an operation that is always recorded is found") {
    const Tensor own = ones({1}).requires_grad_();
    const Function always = [own](const std::vector<Tensor>& in) { return in[0] * own; };
    CHECK(has(contract::operation_faults(always, {ones_with_grad()}), "where no input requires grad"));
    const Function despite = [](const std::vector<Tensor>& in) {
        const enable_grad on;
        return in[0] * 2;
    };
    CHECK(has(contract::operation_faults(despite, {ones_with_grad()}), "expected nothing to be recorded under no_grad"));
}

TEST_CASE("contract: an operation whose gradient is right for leaves alone is found") {
    const Function leaves_only = [](const std::vector<Tensor>& in) {
        return in[0].is_leaf() ? in[0] * 2 : in[0].detach() * 2 + in[0];
    };
    CHECK(has(contract::operation_faults(leaves_only, {ones_with_grad()}), "gradient of input 0, the result of an operation"));
}

TEST_CASE("contract: an operation that forgets a tensor which it was given twice is found") {
    const Function forgets = [](const std::vector<Tensor>& in) {
        return in[0].is(in[1]) ? in[0] * in[0].detach() : in[0] * in[1];
    };
    CHECK(has(contract::operation_faults(forgets, {ones_with_grad(), ones_with_grad()}), "given as inputs 0 and 1"));
}

TEST_CASE("contract: an operation needs an input that requires grad") {
    CHECK_THROWS_AS(contract::operation_faults([](const std::vector<Tensor>& in) { return in[0]; }, {ones({2})}), GradError);
}

TEST_CASE("contract: layers that are right pass") {
    contract::check_layer([] { return Scale(); }, numbers({3, 4}));
    contract::check_layer([] { return Sequential(Linear(4, 3), GELU(), Dropout(0.5)); }, numbers({3, 4}), {.is_random = true});
    contract::check_layer([] { return Linear(3, 2); }, numbers({2, 2, 3}));
    contract::check_layer([] { return MultiHeadAttention(4, 2); },
                          [](const MultiHeadAttention& layer, const std::vector<Tensor>& in) {
                              return layer(in[0], in[1], in[1]);
                          },
                          {numbers({2, 3, 4}), numbers({2, 2, 4}, 2)}, {.idle = {"k_proj.bias"}});
}

TEST_CASE("contract: a constant that visit forgets is found, though every instance computes the same") {
    struct Shifted : Layer {
        Linear inner{4, 4};
        Tensor shift = init::constant_(make_parameter({4}), 0);
        Tensor forward(const Tensor& x) const override { return inner(x) + shift; }
        void visit(Visitor& v) override { v("inner", inner); }
    };
    CHECK(has(contract::layer_faults(contract::layer_case([] { return Shifted(); }, numbers({3, 4}))),
              "expected visit to name every tensor that requires grad, got none for one of shape [4] in 'add'"));
}

TEST_CASE("contract: instances that share their tensors are found") {
    const Linear one(4, 4);
    CHECK(has(contract::layer_faults(contract::layer_case([&] { return one; }, numbers({3, 4}))),
              "expected a new instance each time, got one that shares its tensors"));
}

TEST_CASE("contract: what is wrong with a layer is said") {
    CHECK(faults_of_scale([](Scale&) {}).empty());
    CHECK(has(faults_of_scale([](Scale& s) { s.is_forgotten = true; }), "is a member missing in visit?"));
    CHECK(has(faults_of_scale([](Scale& s) { s.is_random = true; }), "expected no random number to be drawn in evaluation"));
    CHECK(has(faults_of_scale([](Scale& s) { s.is_random = true; }), "say is_random where it is meant"));
    CHECK(has(faults_of_scale([](Scale& s) { s.mixes_rows = true; }), "a batch of one: got "));
    CHECK(
        faults_of_scale([](Scale& s) { s.mixes_rows = true; }, {.rows_are_independent = false, .idle = {"shift", "inner.bias"}})
            .empty());  // the mean takes the shifts away
    CHECK(has(faults_of_scale([](Scale& s) { s.mixes_rows = true; }, {.rows_are_independent = false}),
              "expected a gradient for the parameter 'shift', got 0 everywhere"));
    CHECK(faults_of_scale([](Scale& s) { s.inner.bias = s.shift; }).empty());  // tied, which is no fault
    CHECK(
        has(faults_of_scale([](Scale&) {}, {.is_random = true}), "expected random numbers to be drawn in training, got none"));
    CHECK(has(faults_of_scale([](Scale&) {}, {.idle = {"weight"}}), "expected 'weight' to be idle, got a gradient"));
}

TEST_CASE("contract: a name that visit gives to two members is found, and nothing else is asked") {
    struct Namesakes : Layer {
        Linear first{4, 4}, second{4, 4};
        Tensor forward(const Tensor& x) const override { return second(first(x)); }
        void visit(Visitor& v) override {
            v("inner", first);
            v("inner", second);
        }
    };
    const auto faults = contract::layer_faults(contract::layer_case([] { return Namesakes(); }, numbers({3, 4})));
    CHECK(faults == contract::Faults{"expected each name once in visit, got 'inner.weight' twice",
                                     "expected each name once in visit, got 'inner.bias' twice"});
}
