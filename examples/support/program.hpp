// The frame of every example: a command line with --help, --seed and --threads, and an exit status.
//
//     int main(int argc, char** argv) {
//         examples::Program program("copy", "Learns to copy sequences.");
//         Index steps = 1000;
//         program.option("--steps", steps, "Training steps")->check(examples::between(1));
//         return program.run(argc, argv, [&] { ...; return 0; });
//     }
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <support/interrupt.hpp>
#include <support/team.hpp>
#include <tapehead/autograd/random.hpp>
#include <tapehead/autograd/threads.hpp>

namespace examples {

/// A check for an option's value: low <= value <= high.
inline CLI::Validator between(double low, double high = std::numeric_limits<double>::infinity()) {
    const auto check = [low, high](const std::string& text) {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && low <= value && value <= high) return std::string();
        return std::isinf(high) ? fmt::format("expected a number of at least {:g}, got {}", low, text)
                                : fmt::format("expected a number from {:g} to {:g}, got {}", low, high, text);
    };
    return {check, ""};
}

/// A check for an option that names a file to be written, so that a wrong path fails before the work and not after it.
inline CLI::Validator writable_file() {
    const auto check = [](const std::string& path) {
        return std::ofstream(path, std::ios::app) ? std::string()
                                                  : fmt::format("expected a path that can be written, got {}", path);
    };
    return {check, ""};
}

/// A program's command line. Values are set by `run`; what they hold before is their default, and shown by --help.
class Program {
public:
    Program(const std::string& name, const std::string& description) : app_(description, name) {
        app_.get_formatter()->column_width(34);
        setting("--seed", seed, "Seed of all random numbers; the same seed gives the same run")->check(between(0));
        limit("--threads", threads, "Threads to use")->check(between(1, 1024));
    }

    tapehead::Id seed = 1;
    int threads = tapehead::num_threads();

    /// Adds an option with a value, of which the last one counts if it is given twice, or with several, between commas or blanks; a
    /// check can follow: `->check(between(1, 9))`.
    template <class T>
    CLI::Option* option(const std::string& name, T& value, const std::string& description) {
        CLI::Option* option = app_.add_option(name, value, description)->capture_default_str();
        return option->get_items_expected_max() > 1 ? option->delimiter(',') : option->take_last();
    }
    /// Adds a switch that is off unless given.
    CLI::Option* flag(const std::string& name, bool& value, const std::string& description) {
        return app_.add_flag(name, value, description);
    }

    /// Adds an option or, for a bool, a switch that decides what is trained and how. It is kept with a run that is saved, and a run
    /// that is resumed has it as it was.
    template <class T>
    CLI::Option* setting(const std::string& name, T& value, const std::string& description) {
        CLI::Option* added = nullptr;
        if constexpr (std::is_same_v<T, bool>) added = flag(name, value, description);
        else added = option(name, value, description);
        settings_.push_back({name, added, [&value] { return text_of(value); }});
        return added;
    }
    /// Adds a setting that may be given anew for a run that is resumed: for how long it goes on, and on how much of the machine.
    template <class T>
    CLI::Option* limit(const std::string& name, T& value, const std::string& description) {
        CLI::Option* added = setting(name, value, description);
        settings_.back().may_change = true;
        return added;
    }

    /// The name of the program, as "program", and the values of all settings.
    std::map<std::string, std::string> settings() const {
        std::map<std::string, std::string> values{{"program", app_.get_name()}};
        for (const Setting& setting : settings_) values[setting.name] = setting.text();
        return values;
    }
    /// Gives settings that are not on the command line the values that they have in `kept`, which came from a file.
    ///
    /// Throws CLI::ValidationError where it is of another program, and for one on the command line that differs.
    void take_settings(const std::map<std::string, std::string>& kept, const std::string& file) {
        const auto kept_value = [&](const std::string& name) {
            const auto found = kept.find(name);
            return found == kept.end() ? std::string() : found->second;
        };
        if (kept_value("program") != app_.get_name())
            throw CLI::ValidationError(fmt::format("--resume: expected a run of {}, got '{}' of {}", app_.get_name(), file,
                                                   kept.contains("program") ? kept.at("program") : "another kind"));
        for (const Setting& setting : settings_) {
            if (!kept.contains(setting.name)) continue;
            if (setting.option->count() == 0) {
                setting.option->add_result(kept.at(setting.name));
                setting.option->run_callback();
            } else if (!setting.may_change && setting.text() != kept.at(setting.name)) {
                throw CLI::ValidationError(fmt::format("{}: expected {}, with which the run in '{}' began, got {}",
                                                       setting.name, kept.at(setting.name), file, setting.text()));
            }
        }
    }
    /// Calls `check` once the command line is read; it may throw CLI::ValidationError.
    void after_parsing(const std::function<void()>& check) { app_.final_callback(check); }

    /// Reads the command line, seeds the default random stream, sets the threads and calls `body`, which returns the status.
    ///
    /// Returns 2 with a hint for a command line that cannot be understood and for processes that do not share their work, 1 with the
    /// message of an exception, 130 where the user has stopped it. On several processes (team.hpp) an exception goes on, to end them all.
    template <class Body>
    int run(int argc, char** argv, const Body& body) {
        try {
            parse(argc, argv);
            if (team::size() < team::launched())
                throw CLI::ValidationError(fmt::format(
                    "expected one process, got {} of a launcher, which would not share the work as those of char_lm and "
                    "translate do (OMPI_COMM_WORLD_SIZE, PMI_SIZE or SLURM_STEP_NUM_TASKS has their number)",
                    team::launched()));
            tapehead::manual_seed(static_cast<std::uint64_t>(seed));
            tapehead::set_num_threads(threads);
            return body();
        } catch (const CLI::ParseError& error) {
            return app_.exit(error) == 0 ? 0 : 2;
        } catch (const Interrupted& stop) {
            std::fflush(stdout);
            if (team::is_first()) fmt::print(stderr, "{}: {}\n", app_.get_name(), stop.what());
            return 130;
        } catch (const std::exception& error) {
            if (team::size() > 1) throw;
            std::fflush(stdout);
            fmt::print(stderr, "{}: error: {}\n", app_.get_name(), error.what());
            return 1;
        }
    }

private:
    /// Throws CLI::ParseError on all processes where it fails on one, so that none waits for it.
    void parse(int argc, char** argv) {
        std::exception_ptr failure;
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError&) {
            failure = std::current_exception();
        }
        if (!team::any(failure != nullptr)) return;
        if (failure) std::rethrow_exception(failure);
        throw CLI::RuntimeError("another process could not understand its command line", 2);
    }

    template <class T>
    static std::string text_of(const T& value) {
        return fmt::format("{}", value);
    }
    template <class T>
    static std::string text_of(const std::vector<T>& values) {
        return fmt::format("{}", fmt::join(values, ","));
    }

    struct Setting {
        std::string name;
        CLI::Option* option;
        std::function<std::string()> text;  // of its value
        bool may_change = false;
    };

    CLI::App app_;
    std::vector<Setting> settings_;
};

}  // namespace examples
