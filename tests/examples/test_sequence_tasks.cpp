// The tasks of the sequence example: their answers, what is held out, and padded batches.
#include <support/testing.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <support/batches.hpp>
#include <support/sequence_tasks.hpp>

using namespace testing;
using namespace examples;

namespace {

std::vector<SequencePair> pairs_of(const SequenceTask& task, Part part, Index count, std::uint64_t seed = 0) {
    Generator random(seed);
    return random_pairs(task, part, count, random);
}

/// The two numbers of "817+95=" and the sum that stands on the other side.
struct Sum {
    std::int64_t a, b, sum;
};

Sum sum_of(const SequenceTask& task, const SequencePair& pair) {
    const std::string source = task.text(pair.source), target = task.text(pair.target);
    const std::size_t plus = source.find('+');
    REQUIRE(source.back() == '=');
    return {std::stoll(source.substr(0, plus)), std::stoll(source.substr(plus + 1)), std::stoll(target)};
}

Ids ids_of(std::initializer_list<std::initializer_list<Id>> rows) {
    Ids ids = make_array<Id>({static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size())});
    auto to = ids.begin();
    for (const auto& row : rows) to = std::copy(row.begin(), row.end(), to);
    return ids;
}

}  // namespace

TEST_CASE("Copying, reversing and sorting answer a sequence with its symbols", "[examples]") {
    const Sequence source = {9, 3, 5, 3, 7};
    CHECK(answer(Task::copy, source) == source);
    CHECK(answer(Task::reverse, source) == Sequence{7, 3, 5, 3, 9});
    CHECK(answer(Task::sort, source) == Sequence{3, 3, 5, 7, 9});
}

TEST_CASE("Pairs of a task are random sequences of the lengths and symbols asked for, with their answers", "[examples]") {
    const Task kind = GENERATE(Task::copy, Task::reverse, Task::sort);
    const SequenceTask task(kind, {.length = 6, .vocabulary = 5});
    std::map<std::size_t, int> lengths;
    std::map<Id, int> symbols;
    for (const auto& [source, target] : pairs_of(task, Part::training, 3000)) {
        CHECK(target == answer(kind, source));
        ++lengths[source.size()];
        for (const Id id : source) ++symbols[id];
    }
    CHECK(lengths.size() == 3);  // 4, 5, 6
    for (const auto& [length, count] : lengths) CHECK((length >= 4 && length <= 6 && std::abs(count - 1000) < 150));
    CHECK(symbols.size() == 5);
    CHECK(symbols.begin()->first == num_special);
    CHECK(task.vocabulary() == num_special + 5);
    CHECK(task.longest_source() == 6);
    CHECK(task.longest_target() == 6);
}

TEST_CASE("Sums are written as strings, with numbers from 0 to the largest of so many digits", "[examples]") {
    const SequenceTask task(Task::add);
    CHECK(task.text(addition(817, 95).source) == "817+95=");
    CHECK(task.text(addition(817, 95).target) == "912");
    CHECK(addition(0, 0).target == Sequence{num_special});
    std::int64_t least = 1000, most = 0;
    for (const SequencePair& pair : pairs_of(task, Part::training, 3000)) {
        const auto [a, b, sum] = sum_of(task, pair);
        CHECK(a + b == sum);
        CHECK(pair == addition(a, b));
        least = std::min({least, a, b}), most = std::max({most, a, b});
    }
    CHECK(least < 5);
    CHECK(most < 1000);
    CHECK(most > 994);
    CHECK(task.vocabulary() == num_special + 12);
    CHECK(static_cast<std::size_t>(task.longest_source()) == addition(999, 999).source.size());
    CHECK(static_cast<std::size_t>(task.longest_target()) == addition(999, 999).target.size());
}

TEST_CASE("What is tested is never trained on", "[examples]") {
    const Task kind = GENERATE(Task::copy, Task::reverse, Task::sort, Task::add);
    const SequenceTask task(kind, {.length = 4, .vocabulary = 6, .digits = 1, .split = {.validation = 0.2, .test = 0.3}});
    std::map<Sequence, Part> targets;
    std::map<SequencePair, Part> seen;
    for (const Part part : {Part::training, Part::validation, Part::test})
        for (const SequencePair& pair : pairs_of(task, part, 2000)) {  // of 6^4 sequences or 55 sums: nearly all
            CHECK(task.part_of(pair) == part);
            CHECK(seen.emplace(pair, part).first->second == part);
            if (kind != Task::add) CHECK(targets.emplace(pair.target, part).first->second == part);
        }
    CHECK(seen.size() > (kind == Task::add ? 95 : 1200));
}

TEST_CASE("A sum and the same one the other way round are held out together", "[examples]") {
    const SequenceTask task(Task::add);
    int held_out = 0;
    for (std::int64_t a = 0; a < 1000; a += 7)
        for (std::int64_t b = 0; b < 1000; b += 11) {
            const Part part = task.part_of(addition(a, b));
            CHECK(part == task.part_of(addition(b, a)));
            held_out += part == Part::test;
        }
    CHECK(std::abs(held_out - 1301) < 170);  // a tenth of 143 · 91 sums, and 5 standard deviations
}

TEST_CASE("The same seed draws the same pairs of a task, and another seed others", "[examples]") {
    const SequenceTask task(Task::sort);
    CHECK(pairs_of(task, Part::test, 50, 1) == pairs_of(task, Part::test, 50, 1));
    CHECK(pairs_of(task, Part::test, 50, 1) != pairs_of(task, Part::test, 50, 2));
    const std::vector<SequencePair> pairs = pairs_of(task, Part::training, 1000);
    CHECK(std::set<SequencePair>(pairs.begin(), pairs.end()).size() > 990);
    CHECK(task.pair(Part::training, 1) != task.pair(Part::training, 2));
}

TEST_CASE("Tasks refuse names and options that make no sense, and a part that is empty", "[examples]") {
    CHECK(task_named("reverse") == Task::reverse);
    CHECK(task_named("add") == Task::add);
    CHECK_THROWS_WITH(task_named("subtract"), Catch::Contains("copy, reverse, sort, add") && Catch::Contains("subtract"));
    CHECK_THROWS_AS(SequenceTask(Task::copy, {.length = 0}), std::invalid_argument);
    CHECK_THROWS_AS(SequenceTask(Task::add, {.digits = 7}), std::invalid_argument);
    CHECK_THROWS_AS(SequenceTask(Task::sort, {.split = {.test = 1}}), std::invalid_argument);
    CHECK_THROWS_AS(addition(-1, 1), std::invalid_argument);
    const SequenceTask task(Task::copy, {.length = 1, .vocabulary = 1, .split = {.test = 0}});
    CHECK_THROWS_WITH(task.pair(Part::test, 0), Catch::Contains("more symbols"));
}

TEST_CASE("Symbols have labels to show", "[examples]") {
    const SequenceTask letters(Task::copy, {.vocabulary = 30}), sums(Task::add);
    CHECK(letters.text({3, 28, 29, eos_id, pad_id}) == "a z 26 end _");
    CHECK(sums.text(addition(12, 7).source) == "12+7=");
    CHECK(sums.label(bos_id) == "<");
}

TEST_CASE("A batch is padded to its longest sequences and its targets stand one place apart", "[examples]") {
    const Batch batch = make_batch(std::vector<SequencePair>{{{3, 4, 5}, {6}}, {{7}, {8, 9}}, {{}, {}}});
    CHECK(batch.source.ids == ids_of({{3, 4, 5}, {7, pad_id, pad_id}, {pad_id, pad_id, pad_id}}));
    CHECK(batch.target_in == ids_of({{bos_id, 6, pad_id}, {bos_id, 8, 9}, {bos_id, pad_id, pad_id}}));
    CHECK(batch.target_out == ids_of({{6, eos_id, pad_id}, {8, 9, eos_id}, {eos_id, pad_id, pad_id}}));
    CHECK(batch.source.lengths == std::vector<Index>{3, 1, 0});
}
