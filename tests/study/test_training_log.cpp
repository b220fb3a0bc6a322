// Logs of training: CSV rows that give back the numbers, and TensorBoard's records. tests/interchange reads the latter in full.
#include <support/scratch.hpp>
#include <support/testing.hpp>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include <tapehead/io/tfrecord.hpp>

using namespace testing;
using study::CsvLog;
using study::TensorBoardLog;

namespace {

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::vector<std::string> records_of(const std::string& file) {
    std::vector<std::string> records;
    for (std::size_t at = 0; at < file.size();) {
        const auto length = number_at<std::uint64_t>(file, at);
        records.push_back(file.substr(at + 12, length));
        REQUIRE(file.substr(at, 16 + length) == tfrecord(records.back()));
        at += 16 + length;
    }
    return records;
}

}  // namespace

TEST_CASE("csv log: a header, then rows that are there at once and give back the numbers") {
    const std::string path = scratch("log.csv");
    CsvLog log(path);
    CHECK(read_file(path).empty());
    log.row(1, {{"loss", 1.2}, {"lr", 1e-3}});
    CHECK(read_file(path) == "step,loss,lr\n1,1.2,0.001\n");
    log.row(20, {{"loss", NAN}, {"lr", -INFINITY}});
    CHECK(read_file(path) == "step,loss,lr\n1,1.2,0.001\n20,nan,-inf\n");
    for (const Real x : {0.1 + 0.2, 1e-310, std::numeric_limits<Real>::max(), -0.0}) {
        log.row(3, {{"loss", x}, {"lr", 0}});
        const std::string text = read_file(path);
        const Real back = std::strtod(text.c_str() + text.rfind("\n3,") + 3, nullptr);
        CHECK(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(x));
    }
}

TEST_CASE("csv log: names are quoted where they must be") {
    CsvLog log(scratch("quoted.csv"));
    log.row(0, {{"a,b", 1}, {"say \"x\"", 2}, {"two\nlines", 3}, {"plain name", 4}});
    CHECK(read_file(scratch("quoted.csv")) == "step,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",plain name\n0,1,2,3,4\n");
    CsvLog resumed(scratch("quoted.csv"), {.append = true});
    resumed.row(1, {{"a,b", 5}, {"say \"x\"", 6}, {"two\nlines", 7}, {"plain name", 8}});
    CHECK(read_file(scratch("quoted.csv")).ends_with("plain name\n0,1,2,3,4\n1,5,6,7,8\n"));
}

TEST_CASE("csv log: rows of other names are refused, and nothing is written") {
    const std::string path = scratch("names.csv");
    CsvLog log(path);
    CHECK_THROWS_AS(log.row(0, {{"loss", 1}, {"loss", 2}}), ValueError);
    CHECK_THROWS_AS(log.row(0, {{"step", 1}}), ValueError);
    log.row(0, {{"loss", 1}, {"lr", 2}});
    CHECK_THROWS_WITH(log.row(1, {{"loss", 1}}), "CsvLog: expected the columns step,loss,lr, got step,loss");
    CHECK_THROWS_AS(log.row(1, {{"lr", 1}, {"loss", 2}}), ValueError);
    CHECK(read_file(path) == "step,loss,lr\n0,1,2\n");
    CHECK_THROWS_AS(CsvLog("/nowhere/log.csv"), FileError);
}

TEST_CASE("csv log: a file is replaced, or gone on with") {
    const std::string path = scratch("resumed.csv");
    CsvLog(path, {.append = true}).row(1, {{"loss", 3}});  // there is none yet
    CsvLog(path, {.append = true}).row(2, {{"loss", 2}});
    CHECK(read_file(path) == "step,loss\n1,3\n2,2\n");
    write_file(path, "step,loss\n1,3\n2,2.12");  // killed on the way
    CsvLog(path, {.append = true}).row(2, {{"loss", 2}});
    CHECK(read_file(path) == "step,loss\n1,3\n2,2\n");
    CsvLog other(path, {.append = true});
    CHECK_THROWS_WITH(other.row(3, {{"lr", 1}}), "CsvLog: expected the columns step,lr in '" + path + "', got step,loss");
    CHECK_THROWS_AS(other.row(3, {{"lr", 1}}), FileError);
    CHECK(read_file(path) == "step,loss\n1,3\n2,2\n");
    write_file(path, "step,lo");
    CsvLog(path, {.append = true}).row(2, {{"lr", 2}});
    CHECK(read_file(path) == "step,lr\n2,2\n");
    write_file(path, "step,loss\r\n1,3\r\n");  // by another program
    CsvLog(path, {.append = true}).row(2, {{"loss", 2}});
    CHECK(read_file(path) == "step,loss\r\n1,3\r\n2,2\n");
    CsvLog(path).row(9, {{"lr", 1}});
    CHECK(read_file(path) == "step,lr\n9,1\n");
}

TEST_CASE("csv log: rows of steps after the one that a training is resumed at are taken off") {
    const std::string path = scratch("later.csv"), rows = "\"step\",\"a\n9\"\n";
    write_file(path, rows + "1,3\n2,2\n10,1\n11,1\n12,");
    CsvLog(path, {.append = true, .last_step = 10}).row(11, {{"a\n9", 5}});
    CHECK(read_file(path) == rows + "1,3\n2,2\n10,1\n11,5\n");
    CsvLog(path, {.append = true, .last_step = 2}).row(3, {{"a\n9", 4}});
    CHECK(read_file(path) == rows + "1,3\n2,2\n3,4\n");
    CsvLog(path, {.append = true, .last_step = 0}).row(1, {{"a\n9", 7}});
    CHECK(read_file(path) == rows + "1,7\n");
}

TEST_CASE("csv log: a disk that is full is said") {
    if (!std::filesystem::exists("/dev/full")) return;
    CsvLog log("/dev/full");
    CHECK_THROWS_WITH(log.row(0, {{"loss", 1}}),
                      Catch::Contains("expected a file that can be written, got '/dev/full': No space"));
}

TEST_CASE("crc32c: the vectors of RFC 3720") {
    CHECK(crc32c("") == 0);
    CHECK(crc32c("123456789") == 0xE3069283);
    CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
    CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);
    std::string rising, falling;
    for (int i = 0; i < 32; ++i) {
        rising += static_cast<char>(i);
        falling += static_cast<char>(31 - i);
    }
    CHECK(crc32c(rising) == 0x46DD794E);
    CHECK(crc32c(falling) == 0x113FDB5C);
}

TEST_CASE("tensorboard log: a version, then scalars and histograms, record by record") {
    const std::string folder = scratch("runs/first");
    TensorBoardLog log(folder);
    CHECK(log.path().starts_with(folder + "/events.out.tfevents."));
    CHECK(records_of(read_file(log.path())).size() == 1);
    log.scalar("loss", 300, 1.5);
    log.row(0, {{"a", 1}, {"b", 2}});
    log.histogram("w", 1, Tensor{1, 2, NAN});
    const std::vector<std::string> records = records_of(read_file(log.path()));
    REQUIRE(records.size() == 5);
    CHECK(records[0].substr(9) ==
          "\x1A\x0D"
          "brain.Event:2");
    CHECK(records[0][0] == '\x09');
    // step 300, then the summary, its value, the tag, and 1.5 as float
    CHECK(records[1].substr(9) == std::string("\x10\xAC\x02\x2A\x0D\x0A\x0B\x0A\x04loss\x15\x00\x00\xC0\x3F", 18));
    CHECK(records[2].substr(9, 2) == "\x2A\x0A");  // a step of 0 is left out
    const Real time = number_at<double>(records[1], 1);
    CHECK(time > 1.7e9);
    CHECK(time >= number_at<double>(records[0], 1));
}

TEST_CASE("tensorboard log: logs in one folder have files of their own") {
    const TensorBoardLog one(scratch("runs/same")), two(scratch("runs/same")), three(scratch("runs/same"));
    CHECK(one.path() != two.path());
    CHECK(two.path() != three.path());
    CHECK(records_of(read_file(one.path())).size() == 1);
    write_file(scratch("no_folder"), "");
    CHECK_THROWS_WITH(TensorBoardLog(scratch("no_folder")), Catch::Contains("expected a folder that can be made, got"));
    CHECK_THROWS_AS(TensorBoardLog(scratch("no_folder/run")), FileError);
}
