// Tasks on sequences; see sequence_tasks.hpp.
#include <support/sequence_tasks.hpp>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace examples {
namespace {

constexpr std::string_view signs = "0123456789+=";  // the symbols of addition
constexpr std::string_view names[] = {"copy", "reverse", "sort", "add"};
constexpr std::int64_t shortest = 4;
constexpr int most_tries = 100'000;

/// SplitMix64: the numbers that follow from one.
struct Stream {
    std::uint64_t state;
    /// Evenly from 0 ... below − 1; what the remainder favours is less than one in 2^40.
    std::int64_t next(std::int64_t below) {
        return static_cast<std::int64_t>(mix_bits(state += golden_gamma) % static_cast<std::uint64_t>(below));
    }
};

std::int64_t power_of_ten(std::int64_t digits) { return digits == 0 ? 1 : 10 * power_of_ten(digits - 1); }

Sequence symbols_of(std::string_view text) {
    Sequence symbols;
    for (const char c : text) symbols.push_back(num_special + static_cast<std::int64_t>(signs.find(c)));
    return symbols;
}

std::string signs_of(const Sequence& symbols) {
    std::string text;
    for (const std::int64_t id : symbols) text += signs.at(static_cast<std::size_t>(id - num_special));
    return text;
}

SequencePair draw(Task task, const SequenceTaskOptions& o, Stream& stream) {
    if (task == Task::add) {
        const std::int64_t below = power_of_ten(o.digits), a = stream.next(below);
        return addition(a, stream.next(below));
    }
    const std::int64_t least = std::min(shortest, o.length);
    Sequence source(static_cast<std::size_t>(least + stream.next(o.length - least + 1)));
    for (std::int64_t& symbol : source) symbol = num_special + stream.next(o.vocabulary);
    return {source, answer(task, source)};
}

/// What must not be in two parts, as text.
std::string key_of(Task task, const SequencePair& pair) {
    if (task != Task::add) return fmt::format("{}", fmt::join(pair.target, " "));
    const std::string sum = signs_of(pair.source), a = sum.substr(0, sum.find('+')), b = sum.substr(a.size() + 1);
    const std::int64_t x = std::stoll(a), y = std::stoll(b);
    return fmt::format("{}+{}", std::min(x, y), std::max(x, y));
}

}  // namespace

Task task_named(std::string_view name) {
    const auto place = std::find(std::begin(names), std::end(names), name);
    if (place == std::end(names))
        throw std::invalid_argument(fmt::format("task: expected one of {}, got {}", fmt::join(names, ", "), name));
    return static_cast<Task>(place - std::begin(names));
}

Sequence answer(Task task, Sequence source) {
    if (task == Task::reverse) std::reverse(source.begin(), source.end());
    if (task == Task::sort) std::sort(source.begin(), source.end());
    return source;
}

SequencePair addition(std::int64_t a, std::int64_t b) {
    if (a < 0 || b < 0) throw std::invalid_argument(fmt::format("addition: expected numbers from 0 on, got {} and {}", a, b));
    return {symbols_of(fmt::format("{}+{}=", a, b)), symbols_of(std::to_string(a + b))};
}

SequenceTask::SequenceTask(Task task, const SequenceTaskOptions& options) : task_(task), options_(options) {
    const auto& [length, vocabulary, digits, split] = options;
    if (length < 1 || vocabulary < 1 || digits < 1 || digits > 6)
        throw std::invalid_argument(
            fmt::format("task: expected a length and a vocabulary of at least 1 and 1 to 6 digits, got {}, "
                        "{} and {}",
                        length, vocabulary, digits));
    check_shares(split);
}

std::int64_t SequenceTask::vocabulary() const {
    return num_special + (task_ == Task::add ? static_cast<std::int64_t>(signs.size()) : options_.vocabulary);
}

std::int64_t SequenceTask::longest_source() const {
    return task_ == Task::add ? 2 * options_.digits + 2 : options_.length;  // both numbers, plus and equals
}

std::int64_t SequenceTask::longest_target() const { return task_ == Task::add ? options_.digits + 1 : options_.length; }

SequencePair SequenceTask::pair(Part part, std::uint64_t number) const {
    Stream stream{mix_bits(number)};
    for (int tries = 0; tries < most_tries; ++tries) {
        SequencePair pair = draw(task_, options_, stream);
        if (part_of(pair) == part) return pair;
    }
    throw std::runtime_error(
        fmt::format("task: expected sequences in every part of the data, got none in {} tries; try more "
                    "symbols, longer sequences, or more digits",
                    most_tries));
}

Part SequenceTask::part_of(const SequencePair& pair) const { return examples::part_of(key_of(task_, pair), options_.split); }

std::string SequenceTask::label(std::int64_t id) const {
    if (id < num_special) return std::string(special_label(id));
    const auto symbol = static_cast<std::size_t>(id - num_special);
    if (task_ == Task::add) return std::string(1, signs.at(symbol));
    return symbol < 26 ? std::string(1, static_cast<char>('a' + symbol)) : std::to_string(symbol);
}

std::string SequenceTask::text(const Sequence& sequence) const {
    std::string text;
    for (const std::int64_t id : sequence) {
        if (task_ != Task::add && !text.empty()) text += ' ';
        text += label(id);
    }
    return text;
}

}  // namespace examples
