// What each part of a training run remembers, as arrays and JSON, and back; see checkpoint.hpp.
#include <tapehead/io/checkpoint.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/io/json_value.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

using detail::JsonError;
using detail::JsonValue;

const std::string reserved = "tapehead.";                // in front of the texts that are not the user's
const std::string format_key = reserved + "checkpoint";  // whose text is the version of the format
const std::string format_version = "1";

/// A number that comes back with the same bits; JSON has no NaN and no infinity.
std::string json_number(Real number) {
    std::string text = fmt::format("{}", number);
    if (!std::isfinite(number)) return fmt::format("\"{}\"", text);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";  // -0 would be an integer
    return text;
}

Real to_real(const JsonValue& json) {
    using Kind = JsonValue::Kind;
    if (json.is(Kind::integer) || json.is(Kind::large) || json.is(Kind::real)) return json.real;
    const std::string& text = json.to_text();
    if (text == "inf") return std::numeric_limits<Real>::infinity();
    if (text == "-inf") return -std::numeric_limits<Real>::infinity();
    check<JsonError>(text == "nan" || text == "-nan", "JSON: expected a number, got '{}'", text);
    return std::numeric_limits<Real>::quiet_NaN();
}

/// Of steps, updates, elements: from 0 to 2⁵³, so that counting on does not overflow.
Index to_natural(const JsonValue& json) {
    const Index n = json.to_integer();
    check<JsonError>(0 <= n && n <= Index{1} << 53, "JSON: expected a count, got {}", n);
    return n;
}

std::string json_names(const std::vector<std::string>& names) {
    std::vector<std::string> texts;
    texts.reserve(names.size());
    for (const std::string& name : names) texts.push_back(detail::json_text(name));
    return fmt::format("[{}]", fmt::join(texts, ","));
}

std::string dotted(const std::string& first, const std::string& second) { return fmt::format("{}.{}", first, second); }

// The state of an optimizer: all but the tensors as JSON, the tensors by the names of their parameters.

std::string to_json(const OptimizerState::Parameter& parameter) {
    std::vector<std::string> tensors;
    for (const auto& [name, tensor] : parameter.tensors) tensors.push_back(name);
    return fmt::format(R"({{"name":{},"shape":[{}],"steps":{},"tensors":{}}})", detail::json_text(parameter.name),
                       fmt::join(parameter.shape, ","), parameter.steps, json_names(tensors));
}

std::string to_json(const OptimizerState& state) {
    std::vector<std::string> groups;
    for (const OptimizerState::Group& group : state.groups) {
        std::vector<std::string> values, parameters;
        for (const auto& [name, value] : group.hyperparameters)
            values.push_back(fmt::format("{}:{}", detail::json_text(name), json_number(value)));
        for (const OptimizerState::Parameter& parameter : group.parameters) parameters.push_back(to_json(parameter));
        groups.push_back(fmt::format(R"({{"hyperparameters":{{{}}},"parameters":[{}]}})", fmt::join(values, ","),
                                     fmt::join(parameters, ",")));
    }
    return fmt::format(R"({{"kind":{},"step_count":{},"lr":{},"groups":[{}]}})", detail::json_text(state.kind),
                       state.step_count, json_number(state.lr), fmt::join(groups, ","));
}

/// From its JSON, with the tensors that `read` gives for the names of a parameter and of what is remembered for it.
template <class F>
OptimizerState optimizer_state(const JsonValue& json, const F& read) {
    OptimizerState state{json.at("kind").to_text(), to_natural(json.at("step_count")), to_real(json.at("lr")), {}};
    for (const JsonValue& from : json.at("groups").to_list()) {
        OptimizerState::Group& group = state.groups.emplace_back();
        const JsonValue& values = from.at("hyperparameters");
        for (const std::string& name : values.keys) group.hyperparameters.push_back({name, to_real(values.at(name))});
        for (const JsonValue& saved : from.at("parameters").to_list()) {
            OptimizerState::Parameter& parameter = group.parameters.emplace_back();
            parameter.name = saved.at("name").to_text();
            const auto& shape = saved.at("shape").to_list();
            check<JsonError>(std::ssize(shape) <= max_rank, "JSON: expected at most {} axes, got {}", max_rank, shape.size());
            for (const JsonValue& extent : shape) parameter.shape.push_back(to_natural(extent));
            parameter.steps = to_natural(saved.at("steps"));
            for (const JsonValue& name : saved.at("tensors").to_list())
                parameter.tensors.push_back({name.to_text(), read(parameter.name, name.to_text())});
        }
    }
    return state;
}

}  // namespace

/// A part of a checkpoint that is open.
class Checkpoint::Stored {
public:
    Stored(const SafetensorsFile& file, const std::string& part, std::string text)
        : json(std::move(text)), file_(&file), prefix_(part + ".") {}

    std::string json;

    /// An array by its name in the part. Throws JsonError where there is none.
    Tensor tensor(const std::string& name) const {
        check<JsonError>(file_->has(prefix_ + name), "JSON: expected the name of a tensor of the file, got '{}'", name);
        return file_->tensor(prefix_ + name);
    }
    NamedTensors tensors() const {
        NamedTensors all;
        for (const StoredTensor& stored : file_->entries())
            if (stored.name.starts_with(prefix_))
                all.push_back({stored.name.substr(prefix_.size()), file_->tensor(stored.name)});
        return all;
    }

private:
    const SafetensorsFile* file_;
    std::string prefix_;
};

void save_model(const std::string& path, Module& model, const SafetensorsOptions& options) {
    save_safetensors(path, detail::distinct_tensors("save_model", model), options);
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
             return State{"{}", detail::distinct_tensors("Checkpoint", model)};
         },
         [&model](const Stored& state) {
             return [match = detail::match_state(model, state.tensors(), {})]() mutable { match.copy(); };
         }});
}

void Checkpoint::add(const std::string& name, Optimizer& optimizer) {
    const auto save = [&optimizer] {
        const OptimizerState remembered = optimizer.state_view();
        State state{to_json(remembered), {}};
        for (const OptimizerState::Group& group : remembered.groups)
            for (const OptimizerState::Parameter& parameter : group.parameters)
                for (const auto& [tensor_name, tensor] : parameter.tensors)
                    state.tensors.push_back({dotted(parameter.name, tensor_name), tensor});
        return state;
    };
    add({name, save, [&optimizer](const Stored& state) {
             std::map<std::string, Tensor> read_before;  // however often the JSON of a broken file names one
             const auto read = [&](const std::string& parameter, const std::string& tensor) {
                 const auto& trained = optimizer.trained();
                 const auto own = std::ranges::find(trained, parameter, &Trained::name);
                 const bool is_kept = own == trained.end() || optimizer.is_own(static_cast<std::size_t>(own - trained.begin()));
                 Tensor& result = read_before[dotted(parameter, tensor)];
                 if (is_kept && !result) result = state.tensor(dotted(parameter, tensor));
                 return result;
             };
             return optimizer.prepare_load(optimizer_state(detail::parse_json(state.json), read));
         }});
}

void Checkpoint::add(const std::string& name, Schedule& schedule) {
    const auto save = [&schedule] {
        const ScheduleState state = schedule.state_dict();
        return State{fmt::format(R"({{"step":{},"base_lr":{}}})", state.step, json_number(state.base_lr)), {}};
    };
    add({name, save, [&schedule](const Stored& state) {
             const JsonValue json = detail::parse_json(state.json);
             return schedule.prepare_load({to_natural(json.at("step")), to_real(json.at("base_lr"))});
         }});
}

void Checkpoint::add(const std::string& name, ReduceOnPlateau& schedule) {
    const auto save = [&schedule] {
        const PlateauState& state = schedule.state_dict();
        return State{fmt::format(R"({{"best":{},"bad_steps":{},"cooldown_left":{}}})", json_number(state.best), state.bad_steps,
                                 state.cooldown_left),
                     {}};
    };
    add({name, save, [&schedule](const Stored& state) {
             const JsonValue json = detail::parse_json(state.json);
             return schedule.prepare_load(
                 {to_real(json.at("best")), to_natural(json.at("bad_steps")), to_natural(json.at("cooldown_left"))});
         }});
}

void Checkpoint::add(const std::string& name, ExponentialMovingAverage& average) {
    const auto save = [&average] {
        AverageState state = average.state_view();
        return State{fmt::format(R"({{"updates":{}}})", state.updates), std::move(state.averages)};
    };
    add({name, save, [&average](const Stored& state) {
             return average.prepare_load({to_natural(detail::parse_json(state.json).at("updates")), state.tensors()});
         }});
}

void Checkpoint::add(const std::string& name, Generator& generator) {
    const auto save = [&generator] {
        return State{fmt::format(R"({{"seed":{},"position":{}}})", generator.seed(), generator.position()), {}};
    };
    add({name, save, [&generator](const Stored& state) {
             const JsonValue json = detail::parse_json(state.json);
             return [&generator, seed = json.at("seed").to_unsigned(), position = json.at("position").to_unsigned()] {
                 generator.set_state(seed, position);
             };
         }});
}

void Checkpoint::add(const std::string& name, Index& number) {
    add({name,
         [&number] {
             return State{fmt::format("{}", number), {}};
         },
         [&number](const Stored& state) {
             return [&number, loaded = detail::parse_json(state.json).to_integer()] { number = loaded; };
         }});
}

void Checkpoint::add(const std::string& name, Real& number) {
    add({name,
         [&number] {
             return State{json_number(number), {}};
         },
         [&number](const Stored& state) {
             return [&number, loaded = to_real(detail::parse_json(state.json))] { number = loaded; };
         }});
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
        for (auto& [name, tensor] : state.tensors) {
            check<StateError>(
                tensor.defined(),
                "Checkpoint: expected all of what is remembered, got this process's part without '{}': save on the "
                "first process and collect on the others",
                dotted(part.name, name));
            tensors.push_back({dotted(part.name, name), std::move(tensor)});
        }
    }
    save_safetensors(path, tensors, options);
}

void Checkpoint::collect() const {
    for (const Part& part : parts_) static_cast<void>(part.save());
}

/// What the file has for each part. Takes their texts out of `texts`.
std::vector<Checkpoint::Stored> Checkpoint::stored_parts(const SafetensorsFile& file, std::map<std::string, std::string>& texts,
                                                         const std::string& path) const {
    std::vector<Stored> parts;
    std::vector<std::string> missing, unexpected;
    for (const Part& part : parts_) {
        const auto text = texts.extract(reserved + part.name);
        if (!text) missing.push_back(part.name);
        else parts.emplace_back(file, part.name, text.mapped());
    }
    for (const auto& [name, text] : texts)
        if (name.starts_with(reserved)) unexpected.push_back(name.substr(reserved.size()));
    check<StateError>(missing.empty() && unexpected.empty(),
                      "Checkpoint: expected the parts that were added, got '{}' with missing [{}], unexpected [{}]", path,
                      fmt::join(missing, ", "), fmt::join(unexpected, ", "));
    for (const StoredTensor& stored : file.entries()) {
        const std::size_t dot = stored.name.find('.');
        const bool is_known = std::ranges::find(parts_, stored.name.substr(0, dot), &Part::name) != parts_.end();
        check<FileError>(dot != std::string::npos && is_known, "Checkpoint: expected tensors of its parts, got '{}' in '{}'",
                         stored.name, path);
    }
    return parts;
}

std::map<std::string, std::string> Checkpoint::load(const std::string& path) {
    const SafetensorsFile file(path);
    std::map<std::string, std::string> texts = file.metadata();
    const auto format = texts.extract(format_key);
    check<FileError>(format && format.mapped() == format_version,
                     "Checkpoint: expected a checkpoint of format {}, got '{}' of {}", format_version, path,
                     format ? "format " + format.mapped() : "another kind");
    const std::vector<Stored> parts = stored_parts(file, texts, path);
    std::vector<std::function<void()>> take_over;
    try {
        for (std::size_t i = 0; i < parts_.size(); ++i) take_over.push_back(parts_[i].prepare_load(parts[i]));
    } catch (const JsonError& error) {
        throw FileError(fmt::format("Checkpoint: expected the state of each part in '{}', got {}", path, error.what()));
    } catch (const ValueError& error) {  // of a hyperparameter or a rate
        throw StateError(fmt::format("Checkpoint: expected the state of these parts in '{}', got {}", path, error.what()));
    }
    // Nothing fails from here on. From the last to the first, so that an optimizer, which is there before its schedules, has the last word
    // on its learning rate.
    while (!take_over.empty()) {
        take_over.back()();
        take_over.pop_back();  // and the memory of what it has copied or replaced
    }
    return texts;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
