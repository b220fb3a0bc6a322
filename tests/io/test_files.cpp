// Whole files, and NumPy's formats: what is written is read back, what is broken is refused.
#include <support/scratch.hpp>
#include <support/testing.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace testing;

namespace {

/// A .npy file of version 1 with this header and data.
std::string npy(const std::string& header, const std::string& data) {
    std::string bytes = "\x93NUMPY";
    bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
    return bytes + header + data;
}

std::string npy_of(const std::string& descr, const std::string& shape, const std::string& data,
                   const std::string& order = "False") {
    return npy("{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n", data);
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
    std::string bytes;
    for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return bytes;
}

Tensor load(const std::string& bytes) {
    write_file(scratch("given.npy"), bytes);
    return load_npy(scratch("given.npy"));
}

std::size_t files_in_scratch() {
    const auto folder = std::filesystem::path(scratch("x")).parent_path();
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("files: are written whole, keep their permissions and leave nothing beside them") {
    const std::string path = scratch("whole.txt");
    write_file(path, "first");
    CHECK(read_file(path) == "first");
    chmod(path.c_str(), 0640);
    const std::size_t count = files_in_scratch();
    write_file(path, std::string("sec\0ond", 7));
    CHECK(read_file(path) == std::string("sec\0ond", 7));
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::all) == std::filesystem::perms(0640));
    CHECK(files_in_scratch() == count);
}

TEST_CASE("files: are written piece by piece, and what the maker of the pieces throws leaves the old file") {
    const std::string path = scratch("pieces.txt");
    write_file(path, [](const auto& write) {
        for (const char* piece : {"one ", "", "two ", "three"}) write(piece);
    });
    CHECK(read_file(path) == "one two three");
    const std::size_t count = files_in_scratch();
    CHECK_THROWS_WITH(write_file(path,
                                 [](const auto& write) {
                                     write("half");
                                     throw std::runtime_error("no more");
                                 }),
                      "no more");
    CHECK(read_file(path) == "one two three");
    CHECK(files_in_scratch() == count);
    write_file(path, [](const auto&) {});
    CHECK(read_file(path).empty());
}

TEST_CASE("files: what cannot be written or read is said, and the old file stays") {
    CHECK_THROWS_WITH(write_file("/nowhere/file", "x"),
                      Catch::Contains("write_file: expected a file that can be written, got '/nowhere/file': No such"));
    CHECK_THROWS_AS(read_file(scratch("missing")), FileError);
    CHECK_THROWS_AS(read_file("/tmp"), FileError);
    const std::string folder = scratch("folder");
    std::filesystem::create_directory(folder);
    const std::size_t count = files_in_scratch();
    CHECK_THROWS_AS(write_file(folder, "x"), FileError);
    CHECK(files_in_scratch() == count);
}

TEST_CASE("files: a link leads where it did, and a pipe is written to") {
    write_file(scratch("target.txt"), "old");
    std::filesystem::create_symlink("target.txt", scratch("link.txt"));
    write_file(scratch("link.txt"), "new");
    CHECK(std::filesystem::is_symlink(scratch("link.txt")));
    CHECK(read_file(scratch("target.txt")) == "new");
    std::filesystem::create_symlink("not-yet.txt", scratch("dangling.txt"));
    write_file(scratch("dangling.txt"), "made");
    CHECK(read_file(scratch("not-yet.txt")) == "made");

    const std::string pipe = scratch("pipe");
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = open(pipe.c_str(), O_RDWR);
    write_file(pipe, "through");
    char text[8] = {};
    CHECK(read(reader, text, 7) == 7);
    close(reader);
    CHECK(std::string(text) == "through");
    CHECK(std::filesystem::is_fifo(pipe));
}

TEST_CASE("npy: tensors of every rank come back as they were") {
    for (const Shape& shape :
         {Shape{}, Shape{1}, Shape{5}, Shape{0}, Shape{2, 3}, Shape{3, 0, 2}, Shape{1, 2, 3, 1, 2, 1, 1, 2}}) {
        const Tensor x = numbers(shape);
        save_npy(scratch("x.npy"), x);
        const Tensor y = load_npy(scratch("x.npy"));
        CHECK(y.shape() == shape);
        CHECK(std::equal(x.values().begin(), x.values().end(), y.values().begin()));
        CHECK((read_file(scratch("x.npy")).size() - static_cast<std::size_t>(x.numel()) * sizeof(Scalar)) % 64 == 0);
    }
    const Tensor odd{NAN, INFINITY, -INFINITY, -0.0};
    save_npy(scratch("x.npy"), odd);
    check_close(load_npy(scratch("x.npy")), odd);
    CHECK(std::signbit(load_npy(scratch("x.npy")).data()[3]));
}

TEST_CASE("npy: number types and byte orders of others are read") {
    check_close(load(npy_of("<f8", "(2,)", bytes_of<double>({1.5, -2}))), Tensor{1.5, -2});
    check_close(load(npy_of("<f4", "(2, 1)", bytes_of<float>({1.5F, -2}))), Tensor{{1.5}, {-2}});
    check_close(load(npy_of("<f2", "(5,)", bytes_of<std::uint16_t>({0x3C00, 0xC000, 0x0001, 0x7C00, 0x3555}))),
                Tensor{1, -2, std::ldexp(1, -24), INFINITY, 0.333251953125});
    check_close(load(npy_of(">f4", "(1,)", std::string("\x3f\x80\0\0", 4))), Tensor{1});
    check_close(load(npy_of("<i8", "()", bytes_of<std::int64_t>({-7}))), Tensor(-7));
    check_close(load(npy_of(">i2", "(2,)", std::string("\0\1\xff\xfe", 4))), Tensor{1, -2});
    check_close(load(npy_of("<i4", "(1,)", bytes_of<std::int32_t>({-70000}))), Tensor{-70000});
    check_close(load(npy_of("|i1", "(1,)", "\xff")), Tensor{-1});
    check_close(load(npy_of("|u1", "(1,)", "\xff")), Tensor{255});
    check_close(load(npy_of("<u2", "(1,)", "\xff\xff")), Tensor{65535});
    check_close(load(npy_of("|b1", "(3,)", std::string("\0\1\1", 3))), Tensor{0, 1, 1});
}

TEST_CASE("npy: columns first, keys in another order, later versions") {
    check_close(load(npy_of("<f8", "(2, 3)", bytes_of<double>({1, 4, 2, 5, 3, 6}), "True")), Tensor{{1, 2, 3}, {4, 5, 6}});
    check_close(load(npy_of("<f8", "(2, 2, 2)", bytes_of<double>({0, 4, 2, 6, 1, 5, 3, 7}), "True")),
                reshape(arange(8), {2, 2, 2}));
    check_close(load(npy("{'shape': (1L,), 'fortran_order': False, 'descr': '<f8'}", bytes_of<double>({3}))), Tensor{3});
    const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n";
    std::string second = std::string("\x93NUMPY\2\0", 8);
    second += {static_cast<char>(header.size()), 0, 0, 0};
    check_close(load(second + header + "\7"), Tensor{7});
}

TEST_CASE("npy: what is broken, foreign or too large is refused") {
    const std::string good = npy_of("<f8", "(2,)", bytes_of<double>({1, 2}));
    for (std::size_t length = 0; length < good.size(); ++length) CHECK_THROWS_AS(load(good.substr(0, length)), FileError);
    CHECK_THROWS_WITH(load(good + "x"), Catch::Contains("expected 2 elements of 8 bytes, got 17 bytes in"));
    CHECK_THROWS_AS(load("PK\3\4 not an array"), FileError);
    for (const std::string& header :
         {std::string("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"),
          std::string("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }"),
          std::string("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }"),
          std::string("{'fortran_order': False, 'shape': (1,), }"),
          std::string("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"),
          std::string("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
          std::string("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }"),
          std::string("{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }"),
          std::string("__import__('os').system('true')")})
        CHECK_THROWS_AS(load(npy(header, bytes_of<double>({1}))), FileError);
}

TEST_CASE("npz: named tensors come back, in their order") {
    const NamedTensors tensors{{"b.weight", numbers({3, 2})}, {"a", Tensor(4)}, {"ü", numbers({0})}};
    save_npz(scratch("x.npz"), tensors);
    const NamedTensors read = load_npz(scratch("x.npz"));
    REQUIRE(read.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(read[i].name == tensors[i].name);
        check_close(read[i].tensor, tensors[i].tensor);
    }
    save_npz(scratch("x.npz"), {});
    CHECK(load_npz(scratch("x.npz")).empty());
    CHECK_THROWS_AS(save_npz(scratch("x.npz"), {{"a", Tensor(1)}, {"a", Tensor(2)}}), ValueError);
    CHECK(load_npz(scratch("x.npz")).empty());
}

TEST_CASE("npz: what is broken is refused") {
    CHECK_THROWS_AS(load_npz(scratch("missing.npz")), FileError);
    save_npz(scratch("y.npz"), {{"a", numbers({50})}, {"b", numbers({2, 2})}});
    const std::string good = read_file(scratch("y.npz"));
    for (std::size_t length = 0; length < good.size(); length += 7) {
        write_file(scratch("cut.npz"), good.substr(0, length));
        CHECK_THROWS_AS(load_npz(scratch("cut.npz")), FileError);
    }
    std::string damaged = good;
    damaged[200] = static_cast<char>(damaged[200] ^ 1);  // in the data of the first array
    write_file(scratch("damaged.npz"), damaged);
    CHECK_THROWS_AS(load_npz(scratch("damaged.npz")), FileError);
}
