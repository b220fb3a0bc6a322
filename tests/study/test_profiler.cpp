// Profiler, gradient flow and timeline: sums, tables, traces.
#include <study/model.hpp>

#include <chrono>
#include <numeric>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

using namespace testing;
using namespace std::chrono_literals;

namespace {

study::ProfileRow row(const study::Profile& profile, const std::string& name) {
    const auto found = std::find_if(profile.begin(), profile.end(), [&](const auto& r) { return r.name == name; });
    if (found == profile.end()) throw std::runtime_error("no row " + name);
    return *found;
}

/// An operation that takes its time, on both ways.
Tensor slow(const Tensor& x) {
    const Tensor y = x.detach() * 1;
    std::this_thread::sleep_for(5ms);
    return record("slow", y, wrt(x, [](const Tensor& dy) {
                      std::this_thread::sleep_for(10ms);
                      return dy;
                  }));
}

}  // namespace

TEST_CASE("profiler: counts operations and layers, and a layer holds what is inside it") {
    SmallModel model = seeded_model();
    SGD optimizer(model.named_parameters(), {.lr = 0.1});
    study::Profiler profiler(model);
    model.loss(tokens()).backward();
    optimizer.step();
    const study::Profile operations = profiler.by_operation(), layers = profiler.by_layer();
    CHECK(row(operations, "linear").count == 7);
    CHECK(row(operations, "scaled_dot_product_attention").count == 1);
    CHECK(row(operations, "scaled_dot_product_attention").backward > 0ns);
    CHECK(row(operations, "SGD").update > 0ns);
    CHECK(row(layers, "layer.self_attention").count == row(layers, "layer.self_attention.q_proj").count + 8);
    CHECK(row(layers, "layer").forward > row(layers, "layer.self_attention").forward);
    CHECK(row(layers, "").count ==
          std::accumulate(operations.begin(), operations.end(), Index{0}, [](Index n, const auto& r) { return n + r.count; }));
    CHECK(std::is_sorted(operations.begin(), operations.end(),
                         [](const auto& a, const auto& b) { return a.total() > b.total(); }));
}

TEST_CASE("profiler: measures time forward and back, and memory that grows") {
    const Tensor x = leaf(numbers({100, 100}));
    study::Profiler profiler;
    sum(slow(x) * 2).backward();
    const study::ProfileRow measured = row(profiler.by_operation(), "slow");
    CHECK(measured.forward >= 5ms);
    CHECK(measured.backward >= 10ms);
    profiler.clear();
    const Tensor kept = exp(x);
    const std::int64_t bytes = row(profiler.by_operation(), "exp").bytes;
    CHECK(bytes >= static_cast<std::int64_t>(10000 * sizeof(Scalar)));
    CHECK(bytes < static_cast<std::int64_t>(20000 * sizeof(Scalar)));
}

TEST_CASE("profiler: prints tables and writes a trace with an event for each operation and scope") {
    SmallModel model = seeded_model();
    study::Profiler profiler(model);
    model.loss(tokens()).backward();
    std::ostringstream text;
    text << profiler.by_operation() << profiler.by_layer();
    CHECK_THAT(text.str(),
               Catch::Contains("forward us") && Catch::Contains("(all)") && Catch::Contains("layer.feed_forward.linear1"));
    profiler.write_trace(scratch("trace.json"));
    const auto trace = nlohmann::json::parse(read_file(scratch("trace.json")));
    std::map<std::string, int> count;
    for (const auto& event : trace["traceEvents"]) {
        CHECK(event["ph"] == "X");
        CHECK(event["dur"].get<double>() >= 0);
        ++count[event["cat"].get<std::string>()];
        if (event["name"] == "scaled_dot_product_attention") CHECK(event["args"]["scope"] == "layer.self_attention");
    }
    CHECK(count["scope"] > 8);
    CHECK(count["forward"] == static_cast<int>(row(profiler.by_layer(), "").count));
    CHECK(count["backward"] > 15);
    CHECK_THROWS_AS(profiler.write_trace("/nowhere/trace.json"), FileError);
}

TEST_CASE("profiler: what a program has timed itself stands in the trace on tracks of its own") {
    study::Profiler profiler;
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(exp(zeros({3})));
    for (const char* track : {"exchanges", "disk", "exchanges"})
        profiler.note(track, "a note", start, start + std::chrono::microseconds(5));
    profiler.write_trace(scratch("notes.json"));
    std::map<std::string, Index> tracks;
    std::vector<Index> noted;
    const auto trace = nlohmann::json::parse(read_file(scratch("notes.json")));
    for (const auto& event : trace["traceEvents"]) {
        if (event["ph"] == "M") tracks[event["args"]["name"].get<std::string>()] = event["tid"].get<Index>();
        if (event["name"] != "a note") continue;
        noted.push_back(event["tid"].get<Index>());
        CHECK_THAT(event["dur"].get<double>(), is_close(5));
    }
    CHECK(tracks == std::map<std::string, Index>{{"exchanges", 2}, {"disk", 3}});
    CHECK(noted == std::vector<Index>{2, 3, 2});
    profiler.clear();
    profiler.write_trace(scratch("notes.json"));
    CHECK(nlohmann::json::parse(read_file(scratch("notes.json")))["traceEvents"].empty());
}

TEST_CASE("gradient flow: norms of values, gradients and updates") {
    Linear layer(2, 1);
    layer.weight.detach().copy_(Tensor{{3, 4}});
    layer.bias.detach().fill_(2);
    study::GradientFlowTable before = study::gradient_flow(layer);
    CHECK_THAT(before[0].value_norm, is_close(5));
    CHECK_FALSE(before[0].gradient_norm.has_value());

    study::GradientFlow flow(layer);
    SGD optimizer(layer.named_parameters(), {.lr = 0.1});
    sum(layer(Tensor{{6, 8}})).backward();
    optimizer.step();
    layer.zero_grad();
    const study::GradientFlowTable table = flow.table();
    REQUIRE(table.size() == 2);
    CHECK(table[0].name == "weight");
    CHECK_THAT(table[0].value_norm, is_close(std::hypot(2.4, 3.2)));
    CHECK_THAT(*table[0].gradient_norm, is_close(10));
    CHECK_THAT(*table[0].update_ratio, is_close(1.0 / 5));
    CHECK_THAT(*table[1].update_ratio, is_close(0.1 / 2));
    std::ostringstream text;
    text << table;
    CHECK_THAT(text.str(), Catch::Contains("update ratio") && Catch::Contains("weight     [1, 2]"));
}

TEST_CASE("timeline: keeps loss, parameters and attention of the steps it watches") {
    SmallModel model = seeded_model();
    Adam optimizer(model.named_parameters(), {.lr = 0.01});
    const Ids ids = tokens();
    study::Timeline timeline(model);
    std::vector<Scalar> losses;
    for (Index step = 1; step <= 4; ++step)
        losses.push_back(timeline
                             .watch(step,
                                    [&] {
                                        optimizer.zero_grad();
                                        const Tensor loss = model.loss(ids);
                                        loss.backward();
                                        optimizer.step();
                                        return loss;
                                    })
                             .item());
    const auto& snapshots = timeline.snapshots();
    REQUIRE(snapshots.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(snapshots[i].loss == static_cast<Real>(losses[i]));
        CHECK(snapshots[i].parameters.size() == model.named_parameters().size());
        CHECK(snapshots[i].parameters[0].update_ratio.has_value());
        REQUIRE(snapshots[i].attention.size() == 2);
        check_close(sum(snapshots[i].attention[1].weights, -1), ones({4}));
    }
    CHECK(snapshots[3].loss < snapshots[0].loss);
    CHECK_THROWS_AS(timeline.watch(4, [] { return Tensor(1); }), ValueError);
}
