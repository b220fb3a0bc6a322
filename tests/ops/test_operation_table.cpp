// Every operation of the public headers against the table of table.hpp: values, derivatives, and that none is missing.
#include "table.hpp"

#include <cstring>
#include <set>

#include <support/declarations.hpp>

#include <tapehead/autograd/threads.hpp>

using namespace testing;

namespace {

constexpr Index largest_differentiated = 200;  // elements in a set; a finite difference takes two runs for each

/// Leaves with the values of a set of inputs; the fixed ones, and all of a row that has no derivative, require no grad.
std::vector<Tensor> leaves(const Row& row, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> result;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const bool is_fixed = std::find(row.fixed.begin(), row.fixed.end(), i) != row.fixed.end();
        result.push_back(inputs[i] && !is_fixed ? leaf(clone(inputs[i])) : inputs[i]);
    }
    return result;
}

std::vector<Tensor> requiring_grad(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> wanted;
    for (const Tensor& x : inputs)
        if (x.requires_grad()) wanted.push_back(x);
    return wanted;
}

std::string describe(const std::vector<Tensor>& inputs) {
    std::string text;
    for (const Tensor& x : inputs) text += (text.empty() ? "" : ", ") + (x ? to_string(x.shape()) : std::string("none"));
    return text;
}

bool is_small(const std::vector<Tensor>& inputs) {
    Index n = 0;
    for (const Tensor& x : inputs) n += x ? x.numel() : 0;
    return n <= largest_differentiated;
}

/// Calls check(row, inputs) for every row and set of inputs, with their names in case of a failure, after which the next row is
/// still tried. One row for each run of the test case: a section each would look through all sections for each.
template <class F>
void for_each_set(const F& check) {
    const std::size_t number = GENERATE(range(std::size_t{0}, table().size()));
    const Row& row = table()[number];
    for (const std::vector<Tensor>& inputs : row.inputs) {
        INFO("row " << number + 1 << ": " << row.name << " of " << describe(inputs));
        check(row, inputs);
    }
}

/// The same for what has a derivative, with leaves.
template <class F>
void for_each_differentiable_set(const F& check) {
    for_each_set([&](const Row& row, const std::vector<Tensor>& inputs) {
        if (row.differentiable) check(row, leaves(row, inputs));
    });
}

void check_values(const Tensor& actual, const Values& expected, double tol) {
    REQUIRE(actual.shape() == expected.shape);
    Index worst = -1;
    double worst_error = 0;
    for (Index i = 0; i < actual.numel(); ++i) {
        const double a = actual.data()[i], e = expected.v[static_cast<std::size_t>(i)];
        if (a == e || (std::isnan(a) && std::isnan(e))) continue;
        const double error = std::abs(a - e) / std::max(1.0, std::abs(e));
        if (error <= worst_error) continue;
        worst = i;
        worst_error = std::isnan(error) ? INFINITY : error;
    }
    if (worst < 0) return;
    INFO("element " << worst << ": " << actual.data()[worst] << " instead of " << expected.v[static_cast<std::size_t>(worst)]);
    CHECK(worst_error <= tol);
}

bool same_bits(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.values().size_bytes()) == 0;
}

/// A scalar that sees every element of y with another weight.
Tensor weighted(const Tensor& y) { return sum(y * both_signs(y.shape(), 0.5, 1.5, 9)); }

/// The nodes that a result depends on, by walking the tape.
std::set<const Node*> ancestors(const Tensor& y) {
    std::set<const Node*> seen;
    std::vector<const Node*> pending;
    if (y.node()) pending.push_back(y.node().get());
    while (!pending.empty()) {
        const Node* node = pending.back();
        pending.pop_back();
        if (!seen.insert(node).second) continue;
        for (const Ref<Node>& input : node->inputs())
            if (input) pending.push_back(input.get());
    }
    return seen;
}

bool is_twin(const std::string& name) {
    const std::string ending = "_composite";
    return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

}  // namespace

TEST_CASE("every operation of the public headers has a row in the operation table, and every row an operation and inputs") {
    std::set<std::string> rows, declared;
    for (const Row& row : table()) rows.insert(row.name);
    for (const auto& [header, names] : declared_operations(TAPEHEAD_SOURCE_DIR "/autograd/ops"))
        for (const std::string& name : names) {
            declared.insert(name);
            INFO("operation '" << name << "' of " << header << " has no row; see tests/ops/table.hpp");
            CHECK((is_twin(name) || name == "all_finite" || rows.contains(name)));  // which returns no array
        }
    for (const Row& row : table()) {
        INFO(row.name);
        CHECK(declared.contains(row.name));
        CHECK(!row.inputs.empty());
    }
}

TEST_CASE("every operation that is recorded has a formula, a gradient in it, and a place in autograd/ops") {
    struct FormulaChecker : Observer {
        void on_record(const RecordEvent& event) override {
            const std::string formula = event.operation.formula, place = event.operation.place.file;
            INFO(event.operation.name << ": " << formula << " in " << place);
            const std::size_t gradient = formula.find(";  ");
            REQUIRE(gradient != std::string::npos);
            CHECK(formula.find("= ") < gradient);
            CHECK(formula.find('d', gradient) != std::string::npos);
            CHECK(formula.size() < 220);
            CHECK((place.find("autograd/ops/") != std::string::npos || event.operation.name == std::string("alias")));
        }
    };
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        const FormulaChecker checker;
        if (!row.f(xs).requires_grad()) return;  // of nothing
        weighted(row.f(xs)).backward();
        grad(weighted(row.f(xs)), requiring_grad(xs), {.create_graph = true});
    });
}

TEST_CASE("the value of every operation equals an independent reference") {
    for_each_set([](const Row& row, const std::vector<Tensor>& inputs) {
        std::vector<Values> values;
        for (const Tensor& x : inputs) values.emplace_back(x);
        check_values(row.f(inputs), row.reference(values), row.slack * (is_f64 ? 1e-12 : 1e-5));
    });
}

TEST_CASE("no operation changes its inputs") {
    for_each_set([](const Row& row, const std::vector<Tensor>& inputs) {
        std::vector<Tensor> xs = leaves(row, inputs);
        const Tensor y = row.f(xs);
        if (y.requires_grad()) weighted(y).backward();
        for (std::size_t i = 0; i < inputs.size(); ++i)
            if (inputs[i]) CHECK(same_bits(xs[i], inputs[i]));
        for (const Tensor& x : requiring_grad(xs)) CHECK(x.is_leaf());
    });
}

TEST_CASE("the first derivatives of every operation agree with finite differences") {
    if (!is_f64) return;
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        if (!is_small(xs)) return;
        const GradcheckReport report = gradcheck(row.f, xs);
        INFO(report.message());
        CHECK(report.passed);
    });
}

TEST_CASE("the second derivatives of every operation agree with finite differences") {
    if (!is_f64) return;
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        if (!is_small(xs)) return;
        const GradcheckReport report = gradgradcheck(row.f, xs);
        INFO(report.message());
        CHECK(report.passed);
    });
}

TEST_CASE("the gradient of every operation is the same whether it is recorded or not") {
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        const std::vector<Tensor> wanted = requiring_grad(xs);
        const std::vector<Tensor> fused = grad(weighted(row.f(xs)), wanted);
        const std::vector<Tensor> written_out = grad(weighted(row.f(xs)), wanted, {.create_graph = true});
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            INFO("gradient " << i);
            CHECK_FALSE(fused[i].requires_grad());
            check_values(fused[i], Values(written_out[i]), row.slack * (is_f64 ? 1e-11 : 2e-5));
        }
    });
}

TEST_CASE("no operation computes the gradient of an input that requires none") {
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        const std::vector<Tensor> wanted = requiring_grad(xs);
        const std::vector<Tensor> all = grad(weighted(row.f(xs)), wanted);
        for (std::size_t i = 0, which = 0; i < xs.size(); ++i) {
            if (!xs[i].requires_grad()) continue;
            std::vector<Tensor> only;
            for (std::size_t j = 0; j < xs.size(); ++j) only.push_back(xs[j] && j != i ? xs[j].detach() : xs[j]);
            const Tensor y = row.f(only);
            for (const Node* node : ancestors(y)) {
                if (node->is_leaf()) CHECK(node == xs[i].node().get());
            }
            if (y.requires_grad()) check_values(grad(weighted(y), {xs[i]})[0], Values(all[which]), is_f64 ? 1e-13 : 1e-6);
            ++which;
        }
    });
}

TEST_CASE("no operation is recorded when no input requires grad or grad mode is off") {
    for_each_set([](const Row& row, const std::vector<Tensor>& inputs) {
        std::vector<Tensor> fixed;
        for (const Tensor& x : inputs) fixed.push_back(x ? x.detach() : x);
        CHECK_FALSE(row.f(fixed).requires_grad());
        if (!row.differentiable) CHECK_FALSE(row.f(leaves(row, inputs)).requires_grad());
        const no_grad off;
        const std::vector<Tensor> xs = leaves(row, inputs);
        const Tensor y = row.f(xs);
        const bool is_an_input = std::any_of(xs.begin(), xs.end(), [&](const Tensor& x) { return x && y.is(x); });
        CHECK((is_an_input || !y.requires_grad()));
    });
}

TEST_CASE("the gradient of every operation is the same on one thread and on several") {
    const int before = num_threads();
    for_each_differentiable_set([](const Row& row, const std::vector<Tensor>& xs) {
        if (is_small(xs)) return;
        std::vector<std::vector<Tensor>> results;
        for (const int threads : {1, 3}) {
            set_num_threads(threads);
            results.push_back(grad(weighted(row.f(xs)), requiring_grad(xs)));
            results.back().push_back(row.f(xs));
        }
        for (std::size_t i = 0; i < results[0].size(); ++i) {
            CHECK(same_bits(results[0][i], results[1][i]));
        }
    });
    set_num_threads(before);
}
