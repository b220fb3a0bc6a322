// What each part of a training run remembers, as arrays and JSON, and back; see checkpoint.hpp.
#include <tapehead/io/checkpoint.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/io/json.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using Json = nlohmann::ordered_json;

const std::string reserved = "tapehead.";                // in front of the texts that are not the user's
const std::string format_key = reserved + "checkpoint";  // whose text is the version of the format
const std::string format_version = "1";

Json parse(const std::string& text) { return parse_json<Json>("Checkpoint", text); }

template <class Integer = Index>
Integer whole(const Json& json) {
    return whole_number<Integer>("Checkpoint", json);
}

/// Of steps, updates, elements: from 0 to 2⁵³, so that counting on does not overflow.
Index count(const Json& json) {
    const Index n = whole(json);
    check<FileError>(0 <= n && n <= Index{1} << 53, "Checkpoint: expected a count, got {}", n);
    return n;
}

/// A number that comes back with the same bits; JSON has no NaN and no infinity.
Json to_json(Real number) { return std::isfinite(number) ? Json(number) : Json(fmt::format("{}", number)); }

Real to_real(const Json& json) {
    if (json.is_number()) return json.get<Real>();
    const auto text = json.get<std::string>();
    if (text == "inf") return std::numeric_limits<Real>::infinity();
    if (text == "-inf") return -std::numeric_limits<Real>::infinity();
    check<FileError>(text == "nan" || text == "-nan", "Checkpoint: expected a number, got '{}'", text);
    return std::numeric_limits<Real>::quiet_NaN();
}

std::string dotted(const std::string& first, const std::string& second) { return fmt::format("{}.{}", first, second); }

/// The tensors of a module, each once.
NamedTensors distinct_tensors(Module& model) {
    NamedTensors tensors;
    Visitor visitor([&](const std::string& name, Tensor& tensor) {
        if (std::ranges::none_of(tensors, [&](const auto& known) { return known.tensor.is(tensor); }))
            tensors.push_back({name, tensor});
    });
    model.visit(visitor);
    return tensors;
}

// The state of an optimizer: all but the tensors as JSON, the tensors by the names of their parameters.

Json to_json(const OptimizerState::Parameter& parameter) {
    Json json{{"name", parameter.name}, {"shape", Json::array()}, {"steps", parameter.steps}, {"tensors", Json::array()}};
    for (const Index extent : parameter.shape) json["shape"].push_back(extent);
    for (const auto& [name, tensor] : parameter.tensors) json["tensors"].push_back(name);
    return json;
}

Json to_json(const OptimizerState& state) {
    Json json{{"kind", state.kind}, {"step_count", state.step_count}, {"lr", to_json(state.lr)}, {"groups", Json::array()}};
    for (const OptimizerState::Group& group : state.groups) {
        Json& to = json["groups"].emplace_back(Json{{"hyperparameters", Json::object()}, {"parameters", Json::array()}});
        for (const auto& [name, value] : group.hyperparameters) to["hyperparameters"][name] = to_json(value);
        for (const OptimizerState::Parameter& parameter : group.parameters) to["parameters"].push_back(to_json(parameter));
    }
    return json;
}

/// Takes a tensor out of a list. Throws FileError if it is not there.
Tensor find(const NamedTensors& tensors, const std::string& name) {
    const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
    check<FileError>(found != tensors.end(), "Checkpoint: expected the tensor '{}', got a file without it", name);
    return found->tensor;
}

OptimizerState optimizer_state(const Json& json, const NamedTensors& tensors) {
    OptimizerState state{json.at("kind"), count(json.at("step_count")), to_real(json.at("lr")), {}};
    for (const Json& from : json.at("groups")) {
        OptimizerState::Group& group = state.groups.emplace_back();
        for (const auto& [name, value] : from.at("hyperparameters").items())
            group.hyperparameters.push_back({name, to_real(value)});
        for (const Json& saved : from.at("parameters")) {
            OptimizerState::Parameter& parameter = group.parameters.emplace_back();
            parameter.name = saved.at("name");
            check<FileError>(static_cast<Index>(saved.at("shape").size()) <= max_rank,
                             "Checkpoint: expected at most {} axes of '{}', got more", max_rank, parameter.name);
            for (const Json& extent : saved.at("shape")) parameter.shape.push_back(count(extent));
            parameter.steps = count(saved.at("steps"));
            for (const std::string name : saved.at("tensors"))
                parameter.tensors.push_back({name, find(tensors, dotted(parameter.name, name))});
        }
    }
    return state;
}

}  // namespace

void save_model(const std::string& path, Module& model, const SafetensorsOptions& options) {
    save_safetensors(path, distinct_tensors(model), options);
}

LoadReport load_model(const std::string& path, Module& model, LoadOptions options) {
    return model.load_state_dict(load_safetensors(path), options);
}

Checkpoint::Checkpoint() { add("random", default_generator()); }

void Checkpoint::add(Part part) {
    check<ValueError>(!part.name.empty() && part.name.find('.') == std::string::npos,
                      "Checkpoint: expected a name without dots, got '{}'", part.name);
    check<ValueError>(std::ranges::find(parts_, part.name, &Part::name) == parts_.end(),
                      "Checkpoint: expected each name once, got '{}' twice", part.name);
    parts_.push_back(std::move(part));
}

void Checkpoint::add(const std::string& name, Module& model) {
    add({name,
         [&model] {
             return State{"{}", distinct_tensors(model)};
         },
         [&model](const State& state) { model.load_state_dict(state.tensors); }});
}

void Checkpoint::add(const std::string& name, Optimizer& optimizer) {
    const auto save = [&optimizer] {
        const OptimizerState remembered = optimizer.state_dict();
        State state{to_json(remembered).dump(), {}};
        for (const OptimizerState::Group& group : remembered.groups)
            for (const OptimizerState::Parameter& parameter : group.parameters)
                for (const auto& [tensor_name, tensor] : parameter.tensors)
                    state.tensors.push_back({dotted(parameter.name, tensor_name), tensor});
        return state;
    };
    add({name, save,
         [&optimizer](const State& state) { optimizer.load_state_dict(optimizer_state(parse(state.json), state.tensors)); }});
}

void Checkpoint::add(const std::string& name, Schedule& schedule) {
    const auto save = [&schedule] {
        const ScheduleState state = schedule.state_dict();
        return State{Json{{"step", state.step}, {"base_lr", to_json(state.base_lr)}}.dump(), {}};
    };
    add({name, save, [&schedule](const State& state) {
             const Json json = parse(state.json);
             schedule.load_state_dict({count(json.at("step")), to_real(json.at("base_lr"))});
         }});
}

void Checkpoint::add(const std::string& name, ReduceOnPlateau& schedule) {
    const auto save = [&schedule] {
        const PlateauState& state = schedule.state_dict();
        return State{
            Json{{"best", to_json(state.best)}, {"bad_steps", state.bad_steps}, {"cooldown_left", state.cooldown_left}}.dump(),
            {}};
    };
    add({name, save, [&schedule](const State& state) {
             const Json json = parse(state.json);
             schedule.load_state_dict({to_real(json.at("best")), count(json.at("bad_steps")), count(json.at("cooldown_left"))});
         }});
}

void Checkpoint::add(const std::string& name, ExponentialMovingAverage& average) {
    const auto save = [&average] {
        AverageState state = average.state_dict();
        return State{Json{{"updates", state.updates}}.dump(), std::move(state.averages)};
    };
    add({name, save, [&average](const State& state) {
             average.load_state_dict({count(parse(state.json).at("updates")), state.tensors});
         }});
}

void Checkpoint::add(const std::string& name, Generator& generator) {
    const auto save = [&generator] {
        return State{Json{{"seed", generator.seed()}, {"position", generator.position()}}.dump(), {}};
    };
    add({name, save, [&generator](const State& state) {
             const Json json = parse(state.json);
             generator.set_state(whole<std::uint64_t>(json.at("seed")), whole<std::uint64_t>(json.at("position")));
         }});
}

void Checkpoint::add(const std::string& name, Index& number) {
    add({name,
         [&number] {
             return State{Json(number).dump(), {}};
         },
         [&number](const State& state) { number = whole(parse(state.json)); }});
}

void Checkpoint::add(const std::string& name, Real& number) {
    add({name,
         [&number] {
             return State{to_json(number).dump(), {}};
         },
         [&number](const State& state) { number = to_real(parse(state.json)); }});
}

void Checkpoint::save(const std::string& path, const std::map<std::string, std::string>& metadata) const {
    SafetensorsOptions options{.metadata = metadata};
    for (const auto& [name, text] : metadata)
        check<ValueError>(!name.starts_with(reserved),
                          "Checkpoint: expected names of texts that do not begin with '{}', got '{}'", reserved, name);
    options.metadata[format_key] = format_version;
    NamedTensors tensors;
    for (const Part& part : parts_) {
        State state = part.save();
        options.metadata[reserved + part.name] = std::move(state.json);
        for (auto& [name, tensor] : state.tensors) tensors.push_back({dotted(part.name, name), std::move(tensor)});
    }
    save_safetensors(path, tensors, options);
}

/// Loads every part or, where one of them throws, none. From the last to the first, so that an optimizer, which is there before its
/// schedules, has the last word on its learning rate.
void Checkpoint::load_all(const std::vector<State>& states) {
    std::vector<State> before;
    for (const Part& part : parts_) {
        State& state = before.emplace_back(part.save());
        for (auto& [name, tensor] : state.tensors) tensor = clone(tensor.detach());
    }
    std::size_t first = parts_.size();  // of those that are loaded
    try {
        for (; first > 0; --first) parts_[first - 1].load(states[first - 1]);
    } catch (...) {
        for (std::size_t i = parts_.size(); i > first; --i) parts_[i - 1].load(before[i - 1]);
        throw;
    }
}

std::map<std::string, std::string> Checkpoint::load(const std::string& path) {
    const SafetensorsFile file(path);
    std::map<std::string, std::string> texts = file.metadata();
    const auto format = texts.extract(format_key);
    check<FileError>(format && format.mapped() == format_version,
                     "Checkpoint: expected a checkpoint of format {}, got '{}' of {}", format_version, path,
                     format ? "format " + format.mapped() : "another kind");
    std::vector<State> states;
    std::vector<std::string> missing, unexpected;
    for (const Part& part : parts_) {
        const auto text = texts.extract(reserved + part.name);
        if (!text) missing.push_back(part.name);
        else states.push_back({text.mapped(), {}});
    }
    for (const auto& [name, text] : texts)
        if (name.starts_with(reserved)) unexpected.push_back(name.substr(reserved.size()));
    check<StateError>(missing.empty() && unexpected.empty(),
                      "Checkpoint: expected the parts that were added, got '{}' with missing [{}], unexpected [{}]", path,
                      fmt::join(missing, ", "), fmt::join(unexpected, ", "));
    for (const StoredTensor& stored : file.entries()) {
        const std::size_t dot = stored.name.find('.');
        const auto part = std::ranges::find(parts_, stored.name.substr(0, dot), &Part::name);
        check<FileError>(dot != std::string::npos && part != parts_.end(),
                         "Checkpoint: expected tensors of its parts, got '{}' in '{}'", stored.name, path);
        states[static_cast<std::size_t>(part - parts_.begin())].tensors.push_back(
            {stored.name.substr(dot + 1), file.tensor(stored.name)});
    }
    try {
        load_all(states);
    } catch (const nlohmann::json::exception& error) {
        throw FileError(fmt::format("Checkpoint: expected the state of each part in '{}', got {}", path, error.what()));
    } catch (const ValueError& error) {  // of a hyperparameter or a rate
        throw StateError(fmt::format("Checkpoint: expected the state of these parts in '{}', got {}", path, error.what()));
    }
    return texts;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
