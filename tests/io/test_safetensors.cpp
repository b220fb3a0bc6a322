// safetensors: what is written comes back, and what others write is read as the format says. That wrong headers are refused, in
// test_safetensors_header.cpp; that other programs read what is written here, in tests/interchange.
#include <io/safetensors_bytes.hpp>

#include <cstring>
#include <limits>

#include <sys/stat.h>

using namespace testing;

namespace {

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
    std::string bytes;
    for (const T value : values) bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return bytes;
}

/// The tensor "x" of this type, from elements of T.
template <class T>
SafetensorsFile open_x(const std::string& dtype, std::initializer_list<T> values) {
    const std::string data = bytes_of(values);
    return open(file_of(dtype, "[" + std::to_string(values.size()) + "]", "[0," + std::to_string(data.size()) + "]", data));
}

}  // namespace

TEST_CASE("safetensors: tensors of every rank come back as they were, in their order") {
    const NamedTensors tensors{{"b.weight", numbers({3, 2})},
                               {"a", Tensor(4)},
                               {"none", zeros({3, 0, 2})},
                               {"", Tensor{1, 2}},
                               {"Größe \n \"\\\" 重み", numbers({1, 2, 1, 3, 1, 1, 1, 2})},
                               {"odd", Tensor{NAN, INFINITY, -INFINITY, -0.0, 0.1}},
                               {"empty", zeros({0})}};
    save_safetensors(scratch("x.safetensors"), tensors);
    const NamedTensors read = load_safetensors(scratch("x.safetensors"));
    REQUIRE(read.size() == tensors.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
        CHECK(read[i].name == tensors[i].name);
        CHECK(read[i].tensor.shape() == tensors[i].tensor.shape());
        const auto actual = read[i].tensor.values(), expected = tensors[i].tensor.values();
        REQUIRE(actual.size_bytes() == expected.size_bytes());
        CHECK((actual.empty() || std::memcmp(actual.data(), expected.data(), actual.size_bytes()) == 0));
    }
}

TEST_CASE("safetensors: ids and metadata come back exactly") {
    constexpr Id least = std::numeric_limits<Id>::min();
    const Ids ids{{3, -1, (Id{1} << 62) + 1}, {0, 5, least}};
    const std::map<std::string, std::string> metadata{
        {"format", "pt"}, {"", ""}, {"quote \"", "line\nend\t\x01"}, {"Maße", "重み"}, {"x", "also the name of a tensor"}};
    save_safetensors(scratch("x.safetensors"), {{"x", Tensor{1, 2}}},
                     {.ids = {{"ids", ids}, {"none", make_array<Id>({0, 4})}}, .metadata = metadata});
    const SafetensorsFile file(scratch("x.safetensors"));
    CHECK((file.ids("ids") == ids));
    CHECK(shape_of(file.ids("none")) == Shape{0, 4});
    CHECK(file.metadata() == metadata);
    CHECK(file.at("ids").dtype == Dtype::I64);
    CHECK(file.at("x").dtype == native_dtype);
    const NamedTensors tensors = file.tensors();
    REQUIRE(tensors.size() == 1);
    CHECK(tensors[0].name == "x");
}

TEST_CASE("safetensors: the bytes are those of the format") {
    const std::string path = scratch("bytes.safetensors");
    save_safetensors(path, {});
    CHECK(read_file(path) == length_of(8) + "{}      ");
    save_safetensors(path, {}, {.metadata = {{"framework", "pt"}}});
    CHECK(read_file(path) == length_of(40) + R"({"__metadata__":{"framework":"pt"}}     )");

    const Tensor x = reshape(arange(6), {1, 1, 2, 3});
    save_safetensors(path, {{"attn0", x}}, {.dtype = Dtype::F32});
    CHECK(read_file(path) == length_of(72) + R"({"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       )" +
                                 bytes_of<float>({0, 1, 2, 3, 4, 5}));
    save_safetensors(path, {{"b", Tensor(1.5)}, {"a", Tensor{-2}}},
                     {.ids = {{"i", Ids{7}}}, .metadata = {{"z", "1"}, {"y", "2"}}, .dtype = Dtype::BF16});
    const std::string header = R"({"__metadata__":{"y":"2","z":"1"},"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                               R"("b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},)"
                               R"("a":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]}})";
    const std::string bytes = read_file(path);
    const std::size_t length = (header.size() + 7) / 8 * 8;
    CHECK(bytes == length_of(length) + header + std::string(length - header.size(), ' ') + bytes_of<Id>({7}) +
                       bytes_of<std::uint16_t>({0x3FC0, 0xC000}));
}

TEST_CASE("safetensors: the numbers start at a multiple of 8 whatever the names, each at a multiple of its size") {
    for (std::string name = "n"; name.size() < 10; name += "n") {
        save_safetensors(scratch("x.safetensors"), {{name, Tensor{1}}, {"y", Tensor{2, 3}}},
                         {.ids = {{"i", Ids{1}}}, .dtype = Dtype::F16});
        const std::string bytes = read_file(scratch("x.safetensors"));
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        CHECK(length % 8 == 0);
        const SafetensorsFile file(scratch("x.safetensors"));
        CHECK(file.entries()[0].name == "i");
        CHECK(file.entries()[1].name == name);
        CHECK(file.entries()[2].name == "y");
    }
}

TEST_CASE("safetensors: tensors are written in the type asked for") {
    const Tensor x{0.1, 65519, 65520, NAN, -INFINITY, -0.0, 2.9e-8, 1e-310};
    const auto saved = [&](Dtype dtype) {
        save_safetensors(scratch("x.safetensors"), {{"x", x}}, {.dtype = dtype});
        return SafetensorsFile(scratch("x.safetensors"));
    };
    for (const Dtype dtype : {Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16}) {
        const SafetensorsFile file = saved(dtype);
        CHECK(file.at("x").dtype == dtype);
        const Tensor y = file.tensor("x");
        for (Index i = 0; i < x.numel(); ++i) {
            const Scalar number = x.data()[i];
            const Real expected = dtype == Dtype::F16    ? from_f16(to_f16(number))
                                  : dtype == Dtype::BF16 ? from_bf16(to_bf16(number))
                                  : dtype == Dtype::F32  ? static_cast<float>(number)
                                                         : number;
            CHECK((y.data()[i] == static_cast<Scalar>(expected) || (std::isnan(y.data()[i]) && std::isnan(expected))));
            CHECK(std::signbit(y.data()[i]) == std::signbit(expected));
        }
    }
    CHECK(saved(Dtype::F16).at("x").bytes.substr(0, 6) == bytes_of<std::uint16_t>({0x2E66, 0x7BFF, 0x7C00}));
    CHECK(saved(Dtype::BF16).at("x").bytes.substr(0, 2) == bytes_of<std::uint16_t>({0x3DCD}));
    save_safetensors(scratch("x.safetensors"), {{"x", Tensor{1e39, -1e39}}}, {.dtype = Dtype::F32});
    check_close(load_safetensors(scratch("x.safetensors"))[0].tensor, Tensor{INFINITY, -INFINITY});
    CHECK_THROWS_WITH(saved(Dtype::I64), "save_safetensors: expected F64, F32, F16 or BF16, got I64");
}

TEST_CASE("safetensors: tensors of every type are read") {
    check_close(open_x<double>("F64", {1.5, -2}).tensor("x"), Tensor{1.5, -2});
    check_close(open_x<float>("F32", {1.5F, -2}).tensor("x"), Tensor{1.5, -2});
    check_close(open_x<std::uint16_t>("F16", {0x3C00, 0xC000, 0x0001, 0xFC00, 0x7E00}).tensor("x"),
                Tensor{1, -2, 0x1p-24, -INFINITY, NAN});
    check_close(open_x<std::uint16_t>("BF16", {0x3F80, 0xC000, 0x402E, 0xFF80, 0x7FC0}).tensor("x"),
                Tensor{1, -2, 2.71875, -INFINITY, NAN});
    check_close(open_x<std::int64_t>("I64", {-7, Id{1} << 40}).tensor("x"), Tensor{-7, 0x1p40});
    check_close(open_x<std::int32_t>("I32", {-70000}).tensor("x"), Tensor{-70000});
    check_close(open_x<std::int16_t>("I16", {-300}).tensor("x"), Tensor{-300});
    check_close(open_x<std::int8_t>("I8", {-1}).tensor("x"), Tensor{-1});
    check_close(open_x<std::uint64_t>("U64", {~std::uint64_t{0}}).tensor("x"), Tensor{0x1p64});
    check_close(open_x<std::uint32_t>("U32", {~0U}).tensor("x"), Tensor{4294967295.0});
    check_close(open_x<std::uint16_t>("U16", {65535}).tensor("x"), Tensor{65535});
    check_close(open_x<std::uint8_t>("U8", {255}).tensor("x"), Tensor{255});
    check_close(open_x<std::uint8_t>("BOOL", {0, 1, 2}).tensor("x"), Tensor{0, 1, 1});
}

TEST_CASE("safetensors: ids of every integer type are read exactly") {
    constexpr Id least = std::numeric_limits<Id>::min(), most = std::numeric_limits<Id>::max();
    CHECK((open_x<std::int64_t>("I64", {least, most, (Id{1} << 62) + 1}).ids("x") == Ids{least, most, (Id{1} << 62) + 1}));
    CHECK((open_x<std::int32_t>("I32", {-2147483647, 5}).ids("x") == Ids{-2147483647, 5}));
    CHECK((open_x<std::int16_t>("I16", {-32768}).ids("x") == Ids{-32768}));
    CHECK((open_x<std::int8_t>("I8", {-128}).ids("x") == Ids{-128}));
    CHECK((open_x<std::uint64_t>("U64", {std::uint64_t{most}}).ids("x") == Ids{most}));
    CHECK((open_x<std::uint32_t>("U32", {~0U}).ids("x") == Ids{4294967295}));
    CHECK((open_x<std::uint16_t>("U16", {65535}).ids("x") == Ids{65535}));
    CHECK((open_x<std::uint8_t>("U8", {255}).ids("x") == Ids{255}));
    CHECK((open_x<std::uint8_t>("BOOL", {0, 1, 2}).ids("x") == Ids{0, 1, 1}));
    CHECK_THROWS_WITH(open_x<std::uint64_t>("U64", {std::uint64_t{1} << 63}).ids("x"),
                      Catch::Contains("expected numbers of int64, got 9223372036854775808 of 'x' in"));
    CHECK_THROWS_WITH(open_x<float>("F32", {1}).ids("x"), Catch::Contains("expected integers or BOOL, got F32 of 'x' in"));
}

TEST_CASE("safetensors: BOOL is read as a condition") {
    const Condition condition = open_x<std::uint8_t>("BOOL", {0, 1, 2}).condition("x");
    CHECK(condition.shape() == Shape{3});
    CHECK(!condition.data()[0]);
    CHECK(condition.data()[1]);
    CHECK(condition.data()[2]);
    CHECK_THROWS_WITH(open_x<std::uint8_t>("U8", {1}).condition("x"), Catch::Contains("expected BOOL, got U8 of 'x' in"));
}

TEST_CASE("safetensors: types that are not converted can stand beside others") {
    const std::vector<std::pair<std::string, std::string>> types{{"F8_E5M2", "[4]"},     {"F8_E4M3", "[4]"},
                                                                 {"F8_E5M2FNUZ", "[4]"}, {"F8_E4M3FNUZ", "[4]"},
                                                                 {"F8_E8M0", "[2,2]"},   {"F4", "[8]"},
                                                                 {"F6_E2M3", "[4]"},     {"F6_E3M2", "[4]"},
                                                                 {"C64", "[1]"}};
    for (const auto& [dtype, shape] : types) {
        INFO(dtype);
        const std::size_t size = dtype == "C64" ? 8 : dtype.starts_with("F6") ? 3 : 4;
        const SafetensorsFile file = open(file_of(dtype, shape, "[0," + std::to_string(size) + "]", std::string(size, '\1')));
        CHECK(to_string(file.at("x").dtype) == dtype);
        CHECK(file.at("x").bytes == std::string(size, '\1'));
        CHECK_THROWS_WITH(file.tensor("x"), Catch::Contains("expected a type that can be converted, got " + dtype));
        CHECK_THROWS_AS(file.ids("x"), FileError);
        if (dtype == "C64") CHECK(file.tensors().empty());
        else CHECK_THROWS_AS(file.tensors(), FileError);
    }
    check_refused(file_of("F4", "[3]", "[0,1]", "x"), "expected 3 elements of F4 for 'x' of shape [3], got 1 bytes in");
}

TEST_CASE("safetensors: what other writers do is read") {
    const SafetensorsFile file =
        open(file_of(std::string(
                         R"({ "b" : {"data_offsets":[4,8],"shape":[ ],"more":{"dtype":[1,{"x":null}],"a":-1.5},"dtype":"F32"},)"
                         "\n\t"
                         R"("\u0061\ud83d\ude00":{"dtype":"I16","shape":[2,1],"data_offsets":[0,4]},)"
                         R"("c":{"dtype":"F64","shape":[2,0],"data_offsets":[8,8]},"__metadata__":{}} )"),
                     bytes_of<std::int16_t>({1, -2}) + bytes_of<float>({0.5F})));
    REQUIRE(file.entries().size() == 3);
    CHECK(file.entries()[0].name == "a😀");
    CHECK(file.entries()[1].name == "b");
    CHECK(file.entries()[2].name == "c");
    check_close(file.tensor("b"), Tensor(0.5));
    check_close(file.tensor("a😀"), Tensor{{1}, {-2}});
    CHECK(file.tensor("c").shape() == Shape{2, 0});
    CHECK(file.metadata().empty());
    CHECK(open(file_of("{}", "")).entries().empty());
    check_close(open(file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  )", bytes_of<float>({3}))).tensor("x"),
                Tensor{3});  // 59 bytes: nothing is aligned
}

TEST_CASE("safetensors: a name that is not there is said") {
    const SafetensorsFile file = open_x<float>("F32", {1});
    CHECK(file.has("x"));
    CHECK(!file.has("y"));
    CHECK(!file.has(""));
    CHECK_THROWS_WITH(file.tensor("y"), Catch::Contains("expected 'y', got no tensor of that name in"));
    CHECK_THROWS_AS(file.ids("w"), FileError);
    CHECK_THROWS_AS(file.at(""), FileError);
}

TEST_CASE("safetensors: what cannot be opened is said") {
    CHECK_THROWS_WITH(SafetensorsFile(scratch("missing.safetensors")),
                      Catch::Contains("missing.safetensors': No such file or directory"));
    CHECK_THROWS_AS(SafetensorsFile("/tmp"), FileError);
    CHECK_THROWS_AS(SafetensorsFile("/dev/null"), FileError);
    const std::string pipe = scratch("safetensors-pipe");
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THROWS_WITH(SafetensorsFile(pipe), Catch::Contains("expected a file, got a folder, device or pipe"));
}

TEST_CASE("safetensors: a file that is open stays what it was when it is written anew") {
    save_safetensors(scratch("x.safetensors"), {{"x", Tensor{1, 2}}});
    SafetensorsFile file(scratch("x.safetensors"));
    save_safetensors(scratch("x.safetensors"), {{"y", Tensor{3}}});
    check_close(file.tensor("x"), Tensor{1, 2});
    const SafetensorsFile moved = std::move(file);
    check_close(moved.tensor("x"), Tensor{1, 2});
    file = SafetensorsFile(scratch("x.safetensors"));
    check_close(file.tensor("y"), Tensor{3});
    check_close(moved.tensor("x"), Tensor{1, 2});  // whose mapping went with it
}

TEST_CASE("safetensors: what no file can hold is refused, and the old file stays") {
    const std::string path = scratch("old.safetensors");
    save_safetensors(path, {{"x", Tensor(1)}});
    const std::string old = read_file(path);
    CHECK_THROWS_WITH(save_safetensors(path, {{"a", Tensor(1)}, {"b", Tensor(1)}, {"a", Tensor(2)}}),
                      "save_safetensors: expected each name once, got 'a' twice");
    CHECK_THROWS_AS(save_safetensors(path, {{"a", Tensor(1)}}, {.ids = {{"a", Ids{1}}}}), ValueError);
    CHECK_THROWS_WITH(save_safetensors(path, {{"a", Tensor()}}),
                      "save_safetensors: expected tensors, got an undefined one for 'a'");
    CHECK_THROWS_AS(save_safetensors(path, {{"__metadata__", Tensor(1)}}), ValueError);
    CHECK_THROWS_AS(save_safetensors(path, {{"\xff", Tensor(1)}}), ValueError);
    CHECK_THROWS_WITH(save_safetensors(path, {}, {.metadata = {{"a", "\xc3"}}}),
                      Catch::Contains("save_safetensors: expected names and metadata in UTF-8"));
    CHECK(read_file(path) == old);
    CHECK_THROWS_AS(save_safetensors("/nowhere/x.safetensors", {}), FileError);
}

TEST_CASE("safetensors: tensors that share memory are written each in full") {
    const Tensor x = numbers({2, 3});
    save_safetensors(scratch("x.safetensors"), {{"embedding", x}, {"output", x}, {"flat", reshape(x, {6})}});
    const NamedTensors read = load_safetensors(scratch("x.safetensors"));
    REQUIRE(read.size() == 3);
    check_close(read[1].tensor, x);
    check_close(read[2].tensor, reshape(x, {6}));
}

TEST_CASE("safetensors: a model comes back from its file, and a file of another shape changes nothing") {
    manual_seed(1);
    Linear linear(3, 2), other(3, 2);
    save_safetensors(scratch("model.safetensors"), linear.state_dict());
    other.load_state_dict(load_safetensors(scratch("model.safetensors")));
    check_close(other.weight.detach(), linear.weight.detach());
    check_close(other.bias.detach(), linear.bias.detach());
    const Tensor before = clone(other.weight.detach());
    save_safetensors(scratch("model.safetensors"), {{"weight", zeros({1, 3})}, {"bias", zeros({2})}});
    CHECK_THROWS_AS(other.load_state_dict(load_safetensors(scratch("model.safetensors"))), StateError);
    check_close(other.weight.detach(), before);
}
