// Recorder and Tape: entries, names, scopes, gradients, and their forms as table, graph and JSON.
#include <study/model.hpp>

#include <cstdlib>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

using namespace testing;

namespace {

std::string text_of(const Tape& tape) {
    std::ostringstream out;
    out << tape;
    return out.str();
}

/// The entries of a name or operation.
std::vector<TapeEntry> find(const Tape& tape, const std::string& name) {
    std::vector<TapeEntry> found;
    for (const TapeEntry& entry : tape)
        if (entry.name == name || (entry.operation && entry.operation->name == name)) found.push_back(entry);
    return found;
}

}  // namespace

TEST_CASE("tape: of a result alone knows operations, shapes, inputs and names") {
    Tensor w = leaf({{1, 2}, {3, 4}});
    w.set_name("w");
    const Tensor x{{1, 1}}, y = matmul(x, w);
    const Tensor loss = sum(exp(y) * y);
    const Tape tape(loss);
    std::vector<std::string> operations;
    for (const TapeEntry& entry : tape) operations.emplace_back(entry.operation ? entry.operation->name : entry.name);
    CHECK(operations == std::vector<std::string>{"w", "matmul", "exp", "mul", "sum"});
    CHECK(tape[3].inputs == std::vector<std::size_t>{2, 1});
    CHECK(tape[1].shape == Shape{1, 2});
    CHECK(tape[0].kind == TapeEntry::Kind::leaf);
    check_close(tape[2].value, exp(y));  // which its rule keeps
    check_close(tape[4].value, loss);
    CHECK_THROWS_AS(Tape(Tensor{1, 2}), GradError);
}

TEST_CASE("tape: a sweep over it can be taken in steps") {
    const Tensor x = leaf({1, 2});
    const Tape tape(sum(x * x));
    std::size_t steps = 0;
    for (BackwardSteps sweep = tape.backward(); !sweep.done(); ++steps) sweep.next();
    CHECK(steps == tape.size());
}

TEST_CASE("recorder: knows names, scopes, values and gradients of a model") {
    RecordedModel recorded;
    const Tape& tape = recorded.tape;

    const auto weight = find(tape, "layer.self_attention.q_proj.weight");
    REQUIRE(weight.size() == 1);
    CHECK(weight[0].kind == TapeEntry::Kind::parameter);
    check_close(weight[0].value, recorded.model.layer.self_attention.q_proj.weight);
    check_close(weight[0].gradient, recorded.model.layer.self_attention.q_proj.weight.grad());

    const auto attention = find(tape, "scaled_dot_product_attention");
    REQUIRE(attention.size() == 1);
    CHECK(tape.scopes()[attention[0].scope].name == "layer.self_attention");
    CHECK(tape.scopes()[attention[0].scope].type == "MultiHeadAttention");
    CHECK(attention[0].forward_time->count() > 0);
    CHECK(attention[0].backward_time->count() > 0);
    CHECK(*attention[0].saved_bytes == 4 * 2 * 4 * 8 * sizeof(Scalar));  // q, k, v and the output
    CHECK(tape.scopes()[find(tape, "square")[0].scope].name == "loss");
    CHECK(tape.scopes()[find(tape, "relu")[0].scope].name == "layer.feed_forward");

    for (std::size_t i = 0; i < tape.size(); ++i) {
        CHECK(tape[i].value.defined());
        for (const std::size_t input : tape[i].inputs) CHECK(input < i);
        if (tape[i].kind != TapeEntry::Kind::constant) CHECK(tape[i].gradient.defined());
    }
    std::size_t parameters = 0;
    for (const TapeEntry& entry : tape) parameters += entry.kind == TapeEntry::Kind::parameter;
    CHECK(parameters == recorded.model.named_parameters().size());
}

TEST_CASE("recorder: keeps parameters as they were read, though an optimizer changes them after") {
    SmallModel model = seeded_model();
    const Tensor before = clone(model.output.weight.detach());
    study::Recorder recorder(model);
    SGD optimizer(model.named_parameters(), {.lr = 0.5});
    const Tensor loss = model.loss(tokens());
    loss.backward();
    optimizer.step();
    const auto entry = find(Tape(loss, recorder), "output.weight");
    check_close(entry.at(0).value, before);
    CHECK(model.output.weight.data()[0] != before.data()[0]);
}

TEST_CASE("recorder: tells apart layers of one type without a model's names") {
    const Linear first(2, 2), second(2, 2);
    study::Recorder recorder;
    const Tensor y = sum(second(first(leaf({{1, 2}}))));
    const Tape tape(y, recorder);
    std::set<std::string> scopes;
    for (const TapeEntry& entry : find(tape, "linear")) scopes.insert(tape.scopes()[entry.scope].name);
    CHECK(scopes == std::set<std::string>{"Linear", "Linear_2"});
}

TEST_CASE("tape: shows names that tensors were given before and after they were recorded") {
    Tensor x{1, 2};
    x.set_name("x").requires_grad_();
    study::Recorder recorder;
    Tensor y = x * 2;
    y.set_name("twice x");
    const Tensor loss = sum(y);
    for (const Tape& tape : {Tape(loss), Tape(loss, recorder)}) {
        REQUIRE(tape.size() == 3);
        CHECK(tape[0].name == "x");
        CHECK(tape[1].name == "twice x");
        CHECK(tape[2].name.empty());
    }
}

TEST_CASE("recorder: a result from elsewhere is refused, and clear forgets") {
    const Tensor x = leaf({1, 2}), before = sum(x * 2);
    study::Recorder recorder;
    CHECK_THROWS_AS(Tape(before, recorder), ValueError);
    const Tensor after = sum(x * 3);
    CHECK(Tape(after, recorder).size() == 3);
    recorder.clear();
    CHECK(recorder.entries().empty());
    CHECK_THROWS_AS(Tape(after, recorder), ValueError);
}

TEST_CASE("recorder: what was made before is where its tape begins") {
    const Tensor x = leaf({1, 2}), early = x * 2;
    study::Recorder recorder;
    const Tape tape(sum(early * 3), recorder);
    REQUIRE(tape.size() == 3);
    CHECK(tape[0].kind == TapeEntry::Kind::constant);
    check_close(tape[0].value, Tensor{2, 4});
}

TEST_CASE("recorder: lets go of everything at its end") {
    SmallModel model = seeded_model();
    const Ids ids = tokens();
    const Index before = live_tensors();
    {
        study::Recorder recorder(model);
        const Tensor loss = model.loss(ids);
        CHECK(live_tensors() > before);
    }
    CHECK(live_tensors() == before);
}

TEST_CASE("tape: prints a line for each entry, in columns") {
    const RecordedModel recorded;
    const Tape& tape = recorded.tape;
    const std::string text = text_of(tape);
    CHECK(std::count(text.begin(), text.end(), '\n') == static_cast<std::ptrdiff_t>(tape.size()) + 1);
    CHECK_THAT(text, Catch::Contains("scaled_dot_product_attention  layer.self_attention"));
    CHECK_THAT(text, Catch::Contains("output.weight"));
    CHECK_THAT(text, Catch::Contains("backward us"));
    CHECK(text.find(" \n") == std::string::npos);
}

TEST_CASE("tape: as a graph is drawn by Graphviz, layers as clusters") {
    SmallModel model = seeded_model();
    study::Recorder recorder(model);
    Tensor loss = model.loss(tokens());
    loss.set_name("the \"loss\" \\ here");
    const Tape tape(loss, recorder);
    const std::string dot = study::to_dot(tape);
    std::size_t edges = 0, drawn = 0;
    for (const TapeEntry& entry : tape) edges += entry.inputs.size();
    for (std::size_t at = dot.find(" -> "); at != std::string::npos; at = dot.find(" -> ", at + 1)) ++drawn;
    CHECK(drawn == edges);
    CHECK_THAT(dot, Catch::Contains("label=\"layer.self_attention\""));
    if (std::system("command -v dot >/dev/null") != 0) {
        WARN("Graphviz is not installed: the graph is not drawn");
        return;
    }
    write_file(scratch("tape.dot"), dot);
    REQUIRE(std::system(("dot -Tsvg " + scratch("tape.dot") + " -o " + scratch("tape.svg")).c_str()) == 0);
    CHECK_THAT(read_file(scratch("tape.svg")), Catch::Contains("scaled_dot_product_attention"));
}

TEST_CASE("json: holds entries, scopes, numbers and attention as they are") {
    RecordedModel recorded;
    const Tape& tape = recorded.tape;
    const auto json = nlohmann::json::parse(
        study::to_json(tape,
                       {.title = "small", .sequence = 1, .labels = [](const std::string& scope) -> study::AttentionLabels {
                            CHECK(scope == "layer.self_attention");
                            return {{"a", "b", "c", "d"}, {"too", "few"}};
                        }}));
    CHECK(json["title"] == "small");
    CHECK(json["scalar"] == (is_f64 ? "f64" : "f32"));
    REQUIRE(json["nodes"].size() == tape.size());
    CHECK(json["result"] == tape.size() - 1);
    for (std::size_t i = 0; i < tape.size(); ++i) {
        const auto& node = json["nodes"][i];
        CHECK(node["id"] == i);
        CHECK(node["inputs"].get<std::vector<std::size_t>>() == tape[i].inputs);
        const auto& values = node["value"].contains("values") ? node["value"]["values"] : node["value"]["means"];
        CHECK(values.size() == node["value"]["rows"].get<std::size_t>() * node["value"]["columns"].get<std::size_t>());
    }
    const auto& attention = json["attention"].at(0);
    CHECK(attention["scope"] == "layer.self_attention");
    CHECK(attention["query_labels"] == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK_FALSE(attention.contains("key_labels"));
    REQUIRE(attention["shown"].size() == 2);
    const auto& head = attention["shown"][1];
    const study::AttentionHead expected = recorded.recorder.attention().calls()[0].head(1, 1);
    for (std::size_t i = 0; i < 16; ++i) {
        CHECK_THAT(head["weights"]["values"][i].get<double>(), is_close(static_cast<double>(expected.weights.data()[i]), 1e-5));
        if (i % 4 > i / 4) CHECK(head["masked_scores"]["values"][i] == "-Infinity");
    }
    CHECK(head["gradients"]["scores"]["rows"] == 4);
    CHECK_THROWS_AS(study::to_json(tape, {.sequence = 2}), IndexError);
}

TEST_CASE("json: numbers that are not finite are words, and large tensors are summed up") {
    const Tensor x = leaf(numbers({100, 100})), odd = leaf({std::nan(""), INFINITY, -INFINITY, 0});
    study::Recorder recorder;
    const Tensor first = sum(x), second = sum(odd);
    const Tape tape(first + second, recorder);
    const auto json = nlohmann::json::parse(study::to_json(tape));
    const auto& large = json["nodes"][0]["value"];
    CHECK_FALSE(large.contains("values"));
    CHECK(large["rows"] == 24);
    CHECK(large["means"].size() == 24 * 24);
    const auto& words = json["nodes"][2]["value"];
    CHECK(words["values"] == nlohmann::json({"NaN", "Infinity", "-Infinity", 0.0}));
    CHECK(words["nonfinite"] == 3);
    CHECK(words["zeros"] == 1);
}

TEST_CASE("json: takes a formula apart, and any bytes as text") {
    const auto with_formula = [](const char* text) {
        const Tensor x = leaf({1, 2});
        study::Recorder recorder;
        Tensor y = record({"own", text}, x.detach(), wrt(x, [](const Tensor& dy) { return dy; }));
        y.set_name("\xff");
        return nlohmann::json::parse(study::to_json(Tape(y, recorder)))["nodes"][1];
    };
    CHECK(with_formula("y = x;  dx = dy")["formula"] == nlohmann::json({{"value", "y = x"}, {"gradient", "dx = dy"}}));
    CHECK(with_formula("y = x")["formula"] == nlohmann::json({{"value", "y = x"}}));
    CHECK(with_formula("y = x; ")["formula"] == nlohmann::json({{"value", "y = x"}}));
    CHECK_FALSE(with_formula("").contains("formula"));
    CHECK(with_formula("")["name"] == "\xef\xbf\xbd");
}

TEST_CASE("page: holds the data once, safe from text in it, and replaces a file as a whole") {
    Tensor x = leaf({1, 2});
    x.set_name("</script><b>");
    study::Recorder recorder;
    const Tape tape(sum(x), recorder);
    const std::string path = scratch("tape.html");
    write_file(path, "old");
    study::write_html(tape, path, {.title = "a <title>"});
    const std::string html = read_file(path);
    CHECK(html.find("</script><b>") == std::string::npos);
    const std::string mark = "id=\"tape-data\">";
    const std::size_t start = html.find(mark) + mark.size();
    const auto json = nlohmann::json::parse(html.substr(start, html.find("</script>", start) - start));
    CHECK(json["title"] == "a <title>");
    CHECK(json["nodes"][0]["name"] == "</script><b>");
    CHECK_THROWS_AS(study::write_html(tape, "/nowhere/at/all.html"), FileError);
}

TEST_CASE("summary: statistics over what is finite, blocks of a large matrix") {
    const study::Summary s = study::summarize(Tensor{{1, 2, 0}, {-4, static_cast<Scalar>(NAN), 0}});
    CHECK(s.min == -4);
    CHECK(s.max == 2);
    CHECK_THAT(s.mean, is_close(-0.2));
    CHECK_THAT(s.norm, is_close(std::sqrt(21.0)));
    CHECK_THAT(s.std, is_close(std::sqrt(21.0 / 5 - 0.04)));
    CHECK(s.zeros == 2);
    CHECK(s.nonfinite == 1);
    CHECK(s.rows == 2);
    CHECK(s.columns == 3);
    CHECK(s.histogram[0] == 1);
    CHECK(s.histogram[15] == 1);
    CHECK(s.histogram[10] == 2);  // 0 is two thirds of the way

    Tensor ramp = reshape(arange(0, 48 * 50), {48, 50});
    const study::Summary blocks = study::summarize(ramp, 100);
    CHECK_FALSE(blocks.is_exact);
    CHECK(blocks.rows == 24);
    CHECK(blocks.columns == 24);
    CHECK_THAT(blocks.values[0], is_close((0 + 1 + 50 + 51) / 4.0));
    double total = 0;
    for (const double value : study::summarize(reshape(arange(0, 48 * 48), {48, 48}), 100).values) total += value;
    CHECK_THAT(total / 576, is_close((48 * 48 - 1) / 2.0));
    CHECK(study::summarize(zeros({0, 3})).values.empty());
    CHECK(study::summarize(Tensor(2.5)).values == std::vector<Real>{2.5});
}
