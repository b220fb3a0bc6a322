// Checkpoints and model files: a run that goes on from one is the run that never stopped, and a wrong file changes nothing.
#include <support/scratch.hpp>
#include <support/testing.hpp>
#include <support/tied.hpp>

using namespace testing;

namespace {

/// A run with everything that a checkpoint can hold.
struct Run {
    Transformer model{{.embed_dim = 8, .num_heads = 2, .num_encoder_layers = 1, .num_decoder_layers = 1, .feedforward_dim = 8}};
    AdamW optimizer;
    Schedule schedule = Schedule::cosine(optimizer, {.warmup = 3, .total = 20});
    ReduceOnPlateau plateau{optimizer, {.factor = 0.9, .patience = 0, .threshold = 0.5}};
    ExponentialMovingAverage average{model.named_parameters(), {.decay = 0.9, .warmup = true}};
    Generator data{7};
    Index step = 0;
    Real best = std::numeric_limits<Real>::infinity();
    Checkpoint checkpoint;

    Run() : optimizer(groups()) {
        checkpoint.add("model", model);
        checkpoint.add("optimizer", optimizer);
        checkpoint.add("schedule", schedule);
        checkpoint.add("plateau", plateau);
        checkpoint.add("average", average);
        checkpoint.add("data", data);
        checkpoint.add("step", step);
        checkpoint.add("best", best);
    }

    std::vector<AdamW::Group> groups() {
        const auto [matrices, others] =
            split_parameters(model.named_parameters(), [](const NamedTensor& p) { return p.tensor.dim() == 2; });
        return {{matrices, {.lr = 0.01}}, {others, {.lr = 0.001, .weight_decay = 0}}};
    }

    void train(Index until) {
        while (step < until) {
            const Tensor x = randn({2, 3, 8}, data), y = randn({2, 4, 8}, data);
            optimizer.zero_grad();
            const Tensor loss = mse_loss(model(x, y), y);  // with dropout
            loss.backward();
            optimizer.step();
            if (step % 2 == 0) schedule.step();
            else plateau.step(loss.item());
            average.update();
            best = std::min(best, static_cast<Real>(loss.item()));
            ++step;
        }
    }
};

std::string all_bytes(const Run& run) {
    run.checkpoint.save(scratch("compared.safetensors"));
    return read_file(scratch("compared.safetensors"));
}

}  // namespace

TEST_CASE("checkpoint: a run that goes on from one ends with the same bits as a run that never stopped") {
    manual_seed(3);
    Run whole;
    whole.train(4);
    whole.checkpoint.save(scratch("run.safetensors"));
    whole.train(9);

    manual_seed(99);  // another start in everything
    Run resumed;
    resumed.train(2);
    resumed.checkpoint.load(scratch("run.safetensors"));
    CHECK(resumed.step == 4);
    resumed.train(9);
    CHECK((all_bytes(resumed) == all_bytes(whole)));  // without printing them
}

TEST_CASE("checkpoint: before the first step too, when there is no state yet and the best is infinite") {
    manual_seed(3);
    Run whole;
    whole.checkpoint.save(scratch("run.safetensors"));
    whole.train(3);
    Run resumed;
    resumed.train(2);
    resumed.checkpoint.load(scratch("run.safetensors"));
    CHECK(std::isinf(resumed.best));
    resumed.train(3);
    CHECK((all_bytes(resumed) == all_bytes(whole)));  // without printing them
}

TEST_CASE("checkpoint: carries texts of the user's own, and its tensors are found under their names") {
    Run run;
    run.train(1);
    run.checkpoint.save(scratch("run.safetensors"), {{"vocabulary", "äöü"}, {"note", ""}});
    const std::map<std::string, std::string> texts = run.checkpoint.load(scratch("run.safetensors"));
    CHECK(texts == std::map<std::string, std::string>{{"vocabulary", "äöü"}, {"note", ""}});
    const SafetensorsFile file(scratch("run.safetensors"));
    CHECK(file.has("model.encoder.layers.0.self_attention.q_proj.weight"));
    CHECK(file.has("average.encoder.layers.0.self_attention.q_proj.weight"));
    CHECK(file.has("optimizer.encoder.layers.0.self_attention.q_proj.weight.exp_avg"));
    CHECK_THROWS_AS(run.checkpoint.save(scratch("run.safetensors"), {{"tapehead.step", "3"}}), ValueError);
}

TEST_CASE("checkpoint: a file of other parts, of another model or of no run throws and changes nothing") {
    Run run;
    run.train(2);
    const auto refused = [&](const std::string& path) {
        const std::string before = all_bytes(run);
        try {
            run.checkpoint.load(path);
        } catch (const Error& error) {
            CHECK((all_bytes(run) == before));
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK_THAT(refused(scratch("absent")), Catch::Contains("absent"));

    save_model(scratch("model.safetensors"), run.model);
    CHECK_THAT(refused(scratch("model.safetensors")), Catch::Contains("expected a checkpoint"));

    Linear linear(2, 2);
    Checkpoint other;
    other.add("model", linear);
    other.add("extra", linear);
    other.save(scratch("other.safetensors"));
    CHECK_THAT(refused(scratch("other.safetensors")),
               Catch::Contains("missing [optimizer, schedule, plateau, average, data, step, best], unexpected [extra]"));

    // All parts are there, but not all fit.
    Run trained;
    trained.train(3);
    Linear wrong(2, 2);
    ExponentialMovingAverage misfit(wrong.named_parameters());
    Checkpoint mixed;
    mixed.add("model", trained.model);
    mixed.add("optimizer", trained.optimizer);
    mixed.add("schedule", trained.schedule);
    mixed.add("plateau", trained.plateau);
    mixed.add("average", misfit);  // loaded after data, step and best
    mixed.add("data", trained.data);
    mixed.add("step", trained.step);
    mixed.add("best", trained.best);
    mixed.save(scratch("mixed.safetensors"));
    CHECK_THAT(refused(scratch("mixed.safetensors")), Catch::Contains("average"));
}

TEST_CASE("checkpoint: weights stay where another part refuses") {
    Linear fits(3, 3), refuses(2, 2), others(3, 3), another(4, 4);
    Checkpoint saved, checkpoint;
    saved.add("first", another);
    saved.add("last", others);
    saved.save(scratch("run.safetensors"));
    checkpoint.add("first", refuses);
    checkpoint.add("last", fits);
    const Tensor before = clone(fits.weight.detach());
    CHECK_THROWS_AS(checkpoint.load(scratch("run.safetensors")), StateError);
    check_close(fits.weight.detach(), before, 0);
}

TEST_CASE("checkpoint: a part whose text is not what it should be throws and changes nothing") {
    Index step = 5;
    Real best = 2;
    Checkpoint checkpoint;
    checkpoint.add("step", step);
    checkpoint.add("best", best);
    for (const auto& [step_text, best_text] :
         std::vector<std::pair<std::string, std::string>>{{"", "1"},
                                                          {"{}", "1"},
                                                          {"\"4\"", "1"},
                                                          {"4", ""},
                                                          {"4", "\"great\""},
                                                          {"4", "[1]"},
                                                          {"4.5", "1"},
                                                          {"1e300", "1"},
                                                          {"9223372036854775808", "1"},
                                                          {"true", "1"},
                                                          {std::string(200'000, '['), "1"}}) {
        save_safetensors(scratch("run.safetensors"), {},
                         {.metadata = {{"tapehead.checkpoint", "1"},
                                       {"tapehead.random", R"({"seed": 1, "position": 2})"},
                                       {"tapehead.step", step_text},
                                       {"tapehead.best", best_text}}});
        INFO(step_text << " and " << best_text);
        CHECK_THROWS_AS(checkpoint.load(scratch("run.safetensors")), FileError);
        CHECK(step == 5);
        CHECK(best == 2);
    }
}

TEST_CASE("checkpoint: a count or a rate that cannot be is refused and changes nothing") {
    Run run;
    run.train(3);
    const std::string before = all_bytes(run);
    const auto refused_with = [&](const std::string& part, const std::string& from, const std::string& to) {
        const SafetensorsFile file(scratch("compared.safetensors"));
        SafetensorsOptions options{.metadata = file.metadata()};
        std::string& text = options.metadata.at("tapehead." + part);
        REQUIRE(text.find(from) != std::string::npos);
        text.replace(text.find(from), from.size(), to);
        save_safetensors(scratch("changed.safetensors"), file.tensors(), options);
        INFO(part << ": " << text);
        try {
            run.checkpoint.load(scratch("changed.safetensors"));
            CHECK(false);
        } catch (const FileError&) {
        } catch (const StateError&) {}
        CHECK((all_bytes(run) == before));
    };
    for (const char* number : {"-1", "9223372036854775807", "18446744073709551615", "1e300", "3.5", "null"}) {
        refused_with("optimizer", R"("step_count":3)", R"("step_count":)" + std::string(number));
        refused_with("optimizer", R"("steps":3)", R"("steps":)" + std::string(number));
        refused_with("optimizer", R"("shape":[)", R"("shape":[)" + std::string(number) + ",");
        refused_with("average", R"("updates":3)", R"("updates":)" + std::string(number));
        refused_with("schedule", R"("step":2)", R"("step":)" + std::string(number));
        refused_with("plateau", R"("cooldown_left":0)", R"("cooldown_left":)" + std::string(number));
    }
    refused_with("optimizer", R"("shape":[)", R"("shape":[1,1,1,1,1,1,1,1,1,)");
    refused_with("optimizer", R"("beta1":0.9)", R"("beta1":1.5)");
    refused_with("schedule", R"("base_lr":)", R"("base_lr":"inf","base":)");
    refused_with("data", R"("seed":)", R"("seed":-1,"other":)");
}

TEST_CASE("checkpoint: a schedule that gives no rate for the step is refused and changes nothing") {
    Linear model(2, 2);
    SGD optimizer(model.named_parameters(), {.lr = 0.1});
    Real last = 1;
    Schedule schedule(optimizer, [&](Index step, Real base) { return step > 1 ? last : base; });
    Checkpoint checkpoint;
    checkpoint.add("model", model);
    checkpoint.add("optimizer", optimizer);
    Index count = 1;
    checkpoint.add("schedule", schedule);
    checkpoint.add("count", count);  // taken over before the schedule
    schedule.step();
    schedule.step();
    checkpoint.save(scratch("run.safetensors"));
    last = -1;
    const Tensor changed = ones({2, 2});
    no_grad off;
    model.weight.copy_(changed);
    optimizer.set_lr(0.5);
    count = 2;
    CHECK_THROWS_WITH(checkpoint.load(scratch("run.safetensors")), Catch::Contains("set_lr: expected a finite lr"));
    check_close(model.weight.detach(), changed, 0);
    CHECK(optimizer.lr() == 0.5);
    CHECK(schedule.step_count() == 2);
    CHECK(count == 2);
}

TEST_CASE("checkpoint: saving and loading take little more memory than what is saved") {
    Linear model(1000, 500);  // of which AdamW remembers twice as much
    AdamW optimizer(model.named_parameters());
    ExponentialMovingAverage average(model.named_parameters());
    Checkpoint checkpoint;
    checkpoint.add("model", model);
    checkpoint.add("optimizer", optimizer);
    checkpoint.add("average", average);
    sum(model(ones({1, 1000}))).backward();
    optimizer.step();
    model.zero_grad();
    const auto size = static_cast<double>(model.num_parameters()) * sizeof(Scalar);
    const auto needs = [&](const auto& f) {
        reset_peak_memory();
        const auto before = static_cast<double>(memory_statistics().live_bytes);
        f();
        return (static_cast<double>(memory_statistics().peak_bytes) - before) / size;
    };
    CHECK(needs([&] { checkpoint.save(scratch("run.safetensors")); }) < 0.1);
    CHECK(needs([&] { checkpoint.load(scratch("run.safetensors")); }) < 5);  // what is in the file, once
}

TEST_CASE("checkpoint: names are without dots and each of its own") {
    Checkpoint checkpoint;
    Index step = 0;
    for (const char* name : {"", "a.b", "random"}) CHECK_THROWS_AS(checkpoint.add(name, step), ValueError);
    checkpoint.add("step", step);
    CHECK_THROWS_AS(checkpoint.add("step", step), ValueError);
}

TEST_CASE("model files: tied weights are written once and are tied after loading; strict or not") {
    Tied first, second;
    save_model(scratch("model.safetensors"), first);
    REQUIRE(load_safetensors(scratch("model.safetensors")).size() == 1);
    CHECK(load_model(scratch("model.safetensors"), second).missing.empty());
    CHECK(second.output.weight.is(second.embedding.weight));
    check_close(second.output.weight.detach(), first.embedding.weight.detach(), 0);

    Linear other(2, 2);
    CHECK_THROWS_AS(load_model(scratch("model.safetensors"), other), StateError);
    CHECK(load_model(scratch("model.safetensors"), other, {.strict = false}).unexpected ==
          std::vector<std::string>{"embedding.weight"});
    CHECK_THROWS_AS(load_model(scratch("absent"), other), FileError);
    save_model(scratch("half.safetensors"), first, {.metadata = {{"format", "pt"}}, .dtype = Dtype::BF16});
    CHECK(SafetensorsFile(scratch("half.safetensors")).at("embedding.weight").dtype == Dtype::BF16);
}
