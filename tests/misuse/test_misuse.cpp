// Drives the table of misuse, row by row; see misuse.hpp.
#include <set>
#include <sstream>

#include <support/declarations.hpp>

#include "misuse/misuse.hpp"

namespace testing {

Things::Things() {
    manual_seed(3);
    x.set_grad(numbers({2, 3}, 10));
    linear.weight.set_grad(numbers({4, 3}, 11));
    linear.bias.set_grad(numbers({4}, 12));
    optimizer.step();  // so that there is a state to change
    const no_grad off;
    cache.append(numbers({2, 2, 2, 4}, 13), numbers({2, 2, 2, 4}, 14));
    encoder.forward(sequence, caches);
}

std::vector<std::pair<std::string, Tensor>> Things::tensors() {
    std::vector<std::pair<std::string, Tensor>> all{{"x", x},
                                                    {"y", y},
                                                    {"w", w},
                                                    {"row", row},
                                                    {"cube", cube},
                                                    {"scalar", scalar},
                                                    {"result", result},
                                                    {"loss", loss},
                                                    {"q", q},
                                                    {"k", k},
                                                    {"v", v},
                                                    {"sequence", sequence},
                                                    {"cache.keys", cache.keys},
                                                    {"cache.values", cache.values}};
    for (Module* module : {static_cast<Module*>(&linear), static_cast<Module*>(&attention), static_cast<Module*>(&encoder)})
        for (const auto& [name, parameter] : module->named_parameters())
            all.emplace_back(type_name(*module) + "." + name, parameter);
    for (const auto& layer : caches) {
        all.emplace_back("caches.keys", layer.keys);
        all.emplace_back("caches.values", layer.values);
    }
    for (const auto& [name, tensor] : average.averages()) all.emplace_back("average." + name, tensor);
    return all;
}

namespace {

std::string bytes(const Tensor& x) {
    const auto values = std::as_bytes(x.values());
    return {reinterpret_cast<const char*>(values.data()), values.size()};
}

/// All that a mistake could change before it is found: named facts, to be compared.
std::vector<std::pair<std::string, std::string>> facts_of(Things& t) {
    std::vector<std::pair<std::string, std::string>> facts;
    for (const auto& [name, tensor] : t.tensors()) {
        facts.emplace_back("the value of " + name, bytes(tensor));
        facts.emplace_back("the shape of " + name, to_string(tensor.shape()));
        facts.emplace_back("the version of " + name, std::to_string(tensor.storage()->changed_at.load()));
        facts.emplace_back("the identity of " + name, std::to_string(reinterpret_cast<std::uintptr_t>(tensor.identity())));
        facts.emplace_back("whether it requires grad: " + name, std::to_string(tensor.requires_grad()));
        facts.emplace_back("the gradient of " + name, tensor.grad() ? bytes(tensor.grad()) : "none");
    }
    const OptimizerState state = t.optimizer.state_dict();
    for (const auto& parameter : state.groups[0].parameters)
        for (const auto& [name, tensor] : parameter.tensors) facts.emplace_back("the optimizer's " + name, bytes(tensor));
    const auto add = [&](const std::string& name, auto number) { facts.emplace_back(name, std::to_string(number)); };
    add("the optimizer's steps", state.step_count);
    add("the learning rate", state.lr);
    add("the default generator", default_generator().position());
    add("the seed of the default generator", default_generator().seed());
    add("the generator", t.generator.position());
    add("the length of the cache", t.cache.length);
    for (const auto& layer : t.caches) add("the length of the caches", layer.length);
    add("whether the average is swapped in", t.average.is_swapped());
    add("the number of threads", num_threads());
    add("grad mode", grad_enabled());
    return facts;
}

}  // namespace

void Things::begin() { before = facts_of(*this); }

namespace {

/// A value, a gradient and a step of the things and of the library, which a mistake must leave possible.
void check_goes_on(Things& t) {
    const Tensor y = sum(matmul(t.x, transpose(t.linear.weight)));
    check_close(grad(y, {t.x})[0], expand(sum(t.linear.weight, 0), {2, 3}).detach());
    t.loss.backward();
    CHECK(t.x.grad().defined());
    t.optimizer.step();
    CHECK(t.optimizer.step_count() == 2);
}

void check_message(const std::string& message, const Raises& raises) {
    CHECK(message.starts_with(raises.operation + ": "));
    const std::size_t expected = message.find("expected "), got = message.find(" got", expected);
    CHECK(expected != std::string::npos);
    CHECK(got != std::string::npos);
    for (const std::string& word : raises.words) {
        INFO("word: " << word);
        CHECK(message.find(word) != std::string::npos);
    }
}

void check_row(const Misuse& row) {
    Things things;
    INFO(row.function << ": " << row.mistake);
    things.begin();
    const Index tensors = live_tensors();
    std::string message = "nothing was thrown";
    std::type_index type = typeid(void);
    try {
        row.make(things);
    } catch (const std::exception& error) {
        message = error.what();
        type = typeid(error);
    }
    CHECK(live_tensors() == tensors);
    INFO("message: " << message);
    INFO("type: " << type.name());
    CHECK((type == row.raises.type));
    check_message(message, row.raises);
    const auto after = facts_of(things), before = things.before;
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        INFO(before[i].first);
        CHECK((after[i] == before[i]));
    }
    check_goes_on(things);
}

void check_rows(const Misuses& rows) {
    for (const Misuse& row : rows) check_row(row);
}

}  // namespace

TEST_CASE("misuse: tensors and shapes say what was expected, and stay as they are") { check_rows(misuses_of_tensors()); }
TEST_CASE("misuse: operations say what was expected, and change nothing") { check_rows(misuses_of_operations()); }
TEST_CASE("misuse: what moves elements says what was expected, and changes nothing") { check_rows(misuses_of_moving()); }
TEST_CASE("misuse: an undefined tensor is refused by whatever needs a value") { check_rows(misuses_of_undefined()); }
TEST_CASE("misuse: attention and masks say what was expected, and change nothing") { check_rows(misuses_of_attention()); }
TEST_CASE("misuse: losses say what was expected, and change nothing") { check_rows(misuses_of_losses()); }
TEST_CASE("misuse: the tape and sweeps say what was expected, and change nothing") { check_rows(misuses_of_tape()); }
TEST_CASE("misuse: layers and their state say what was expected, and change nothing") { check_rows(misuses_of_layers()); }
TEST_CASE("misuse: caches and generation say what was expected, and change nothing") { check_rows(misuses_of_generation()); }
TEST_CASE("misuse: optimizers and schedules say what was expected, and change nothing") { check_rows(misuses_of_optim()); }
TEST_CASE("misuse: files say what was expected, and change nothing") { check_rows(misuses_of_files()); }
TEST_CASE("misuse: data and random numbers say what was expected, and change nothing") { check_rows(misuses_of_data()); }
TEST_CASE("misuse: study and testing say what was expected, and change nothing") { check_rows(misuses_of_study()); }

TEST_CASE("misuse: every operation of the headers has a row, and a mistake of its own unless it takes any tensor") {
    std::set<std::string> mistakes, undefined;
    for (const Misuses& family : {misuses_of_tensors(), misuses_of_operations(), misuses_of_moving(), misuses_of_attention(),
                                  misuses_of_losses(), misuses_of_data()})
        for (const Misuse& row : family) mistakes.insert(row.function);
    for (const Misuse& row : misuses_of_undefined()) undefined.insert(row.function);
    const std::set<std::string> unary = {"affine", "all_finite", "clone", "ones_like", "zeros_like"};
    for (const auto& [header, names] : declared_operations(TAPEHEAD_SOURCE_DIR "/autograd/ops"))
        for (const std::string& name : names) {
            if (name.starts_with("operator")) continue;  // which are the functions of the same meaning
            INFO(header << ": " << name);
            const bool takes_any_tensor = header == "pointwise.hpp" || unary.contains(name);
            CHECK((mistakes.contains(name) || (takes_any_tensor && undefined.contains(name))));
        }
}

}  // namespace testing
