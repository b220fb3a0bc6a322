// Models and training runs in safetensors files.
//
// Knows modules, optimizers, schedules and generators by what they remember; none of them knows files. What is not an array stands as
// JSON in the file's metadata, so that any reader of the format finds the tensors under their names.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <tapehead/autograd/random.hpp>
#include <tapehead/io/safetensors.hpp>
#include <tapehead/layers/module.hpp>
#include <tapehead/optim/average.hpp>
#include <tapehead/optim/optimizer.hpp>
#include <tapehead/optim/schedule.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Writes the tensors of a model, tied ones once, under the first of their names. Throws as save_safetensors.
void save_model(const std::string& path, Module& model, const SafetensorsOptions& options = {});

/// Reads what save_model wrote, or any safetensors file with the names of the model; tied tensors stay tied. Throws FileError as
/// load_safetensors and StateError as Module::load_state_dict, and then changes nothing.
LoadReport load_model(const std::string& path, Module& model, LoadOptions options = {});

/// All that a training run needs to go on as if it had never stopped.
///
///     Index step = 0;
///     Checkpoint checkpoint;
///     checkpoint.add("model", model);
///     checkpoint.add("optimizer", optimizer);
///     checkpoint.add("step", step);
///     if (resume) checkpoint.load("run.safetensors");
///     while (step < steps) {
///         ...
///         if (++step % 100 == 0) checkpoint.save("run.safetensors");
///     }
///
/// What is added is referred to, and must live as long. The default random stream is always part of it, as "random"; a run that draws
/// from other generators adds them. In the file the tensors of a part have its name in front: "model.encoder.weight",
/// "optimizer.encoder.weight.exp_avg".
class Checkpoint {
public:
    Checkpoint();  ///< the default random stream alone, as "random"

    /// @{
    /// Adds a part under a name. Throws ValueError for a name that is empty, has a dot, or is taken.
    void add(const std::string& name, Module& model);
    void add(const std::string& name, Optimizer& optimizer);
    void add(const std::string& name, Schedule& schedule);
    void add(const std::string& name, ReduceOnPlateau& schedule);
    void add(const std::string& name, ExponentialMovingAverage& average);
    void add(const std::string& name, Generator& generator);
    void add(const std::string& name, Index& number);
    void add(const std::string& name, Real& number);
    /// @}

    /// Writes all parts, in the number type of the library, with texts of the user's own. Whoever reads the path finds the old
    /// checkpoint or the new one, never a part. Throws FileError, StateError as ExponentialMovingAverage::state_dict and on a process that
    /// has but a part of a shared optimizer's state, and ValueError for texts whose names begin with "tapehead.".
    void save(const std::string& path, const std::map<std::string, std::string>& metadata = {}) const;

    /// Does of `save` all but the file: for the other ones of several processes that share an optimizer, whose state is spread over them.
    void collect() const;

    /// Puts all parts back where they were when the file was written, and returns its texts. Of several processes each loads on its own.
    ///
    /// Throws FileError for a file that is no checkpoint, StateError if its parts are others or do not fit these, and then changes nothing.
    std::map<std::string, std::string> load(const std::string& path);

private:
    /// What a part remembers: arrays, and the rest as JSON.
    struct State {
        std::string json;
        NamedTensors tensors;
    };
    /// The same in a file, where an array is read when it is asked for.
    class Stored;
    struct Part {
        std::string name;
        std::function<State()> save;
        /// Does all that can fail; what it returns takes over the state.
        std::function<std::function<void()>(const Stored&)> prepare_load;
    };

    void add(Part part);
    std::vector<Stored> stored_parts(const SafetensorsFile& file, std::map<std::string, std::string>& texts,
                                     const std::string& path) const;

    std::vector<Part> parts_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
