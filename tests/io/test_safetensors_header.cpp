// safetensors: a header that does not fit its file is refused, with the reason, before anything is made of it.
#include <io/safetensors_bytes.hpp>

using namespace testing;

namespace {

const std::string four = std::string(4, '\1'), eight = std::string(8, '\1');

}  // namespace

TEST_CASE("safetensors: a header length that cannot be is refused") {
    check_refused("", "expected at least 8 bytes, got 0 in");
    check_refused(std::string(7, '\0'), "expected at least 8 bytes, got 7 in");
    check_refused(length_of(~std::uint64_t{0}) + "{}", "of at most 100000000 bytes, got 18446744073709551615 in");
    check_refused(length_of(~std::uint64_t{7}) + "{}", "of at most 100000000 bytes");
    check_refused(length_of(100'000'001) + "{}", "of at most 100000000 bytes, got 100000001 in");
    check_refused(length_of(100'000'000) + "{}", "expected a header of 100000000 bytes, got 2 bytes in");
    check_refused(length_of(16) + "{}      ", "expected a header of 16 bytes, got 8 bytes in");  // the size of the file
    check_refused(length_of(9) + "{}      ", "expected a header of 9 bytes, got 8 bytes in");
    check_refused(length_of(0), "expected a header that starts with '{'");
}

TEST_CASE("safetensors: a header that is none is refused") {
    for (const std::string header : {"[]", " {}", "\xEF\xBB\xBF{}", "null", "x"})
        check_refused(file_of(header, ""), "expected a header that starts with '{'");
    for (const std::string header :
         {"{", "{}}", "{} x", "{\"x\"}", "{\"x\":{", "{'x':{}}", "{\"\xff\":{}}", "{\"\\ud800\":{}}", "{}//"})
        check_refused(file_of(header, ""), "expected a header in JSON, got something else at its byte");
    check_refused(file_of(std::string("{}\0x", 4), ""), "expected a header in JSON, got a zero byte in");
    for (const std::string header :
         {R"({"x":1})", R"({"x":[]})", R"({"x":null})", R"({"x":"F32"})", R"({"x":-1})", R"({"x":true})"})
        check_refused(file_of(header, ""), "expected an object of objects, got");
    check_refused(file_of(std::string(100'000, '{'), ""), "expected a header in JSON");
    check_refused(file_of(R"({"x":{"more":)" + std::string(100'000, '['), ""), "expected a header in JSON");
}

TEST_CASE("safetensors: a tensor of the header that is not whole is refused") {
    const std::string all = "expected dtype, shape and data_offsets, got less of 'x' in";
    check_refused(file_of(R"({"x":{}})", ""), all);
    check_refused(file_of(R"({"x":{"shape":[0],"data_offsets":[0,0]}})", ""), all);
    check_refused(file_of(R"({"x":{"dtype":"F32","data_offsets":[0,0]}})", ""), all);
    check_refused(file_of(R"({"x":{"dtype":"F32","shape":[0]}})", ""), all);
    check_refused(file_of(R"({"y":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"F32","shape":[0]}})", ""),
                  all);
    check_refused(file_of(R"({"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"dtype":"F32"}})", ""),
                  "expected each of dtype, shape and data_offsets once, got one twice of 'x' in");
    check_refused(file_of(R"({"x":{"dtype":1,"shape":[1],"data_offsets":[0,4]}})", four), "expected a text as dtype");
    check_refused(file_of(R"({"x":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})", four), "expected a text as dtype");
    check_refused(file_of("F32", "1", "[0,4]", four), "lists as shape and data_offsets, got a number of 'x' in");
    check_refused(file_of("F32", "null", "[0,4]", four), "lists as shape and data_offsets, got null of 'x' in");
    check_refused(file_of("F32", "[1]", "{\"0\":4}", four), "lists as shape and data_offsets, got an object of 'x' in");
    check_refused(file_of("F32", "[1]", "[4]", four), "expected two offsets, got less of 'x' in");
    check_refused(file_of("F32", "[1]", "[0,4,4]", four), "expected two offsets, got more of 'x' in");
    check_refused(file_of("F32", "[[1]]", "[0,4]", four), "expected integers from 0 on, got a list of 'x' in");
}

TEST_CASE("safetensors: a type that nobody knows is refused") {
    for (const std::string dtype : {"F128", "f32", "", "F32 ", "U4"})
        check_refused(file_of(dtype, "[1]", "[0,4]", four), "expected a known type of 'x', got '" + dtype + "' in");
}

TEST_CASE("safetensors: offsets that are no places in the file are refused") {
    check_refused(file_of("F32", "[1]", "[-4,0]", four), "expected integers from 0 on, got a negative number of 'x' in");
    check_refused(file_of("F32", "[1]", "[-0,4]", four), "expected integers from 0 on, got a negative number");
    check_refused(file_of("F32", "[1]", "[0.0,4]", four), "got a number that is no integer of 64 bits of 'x' in");
    check_refused(file_of("F32", "[1]", "[0,4e0]", four), "got a number that is no integer of 64 bits");
    check_refused(file_of("F32", "[1]", "[0,18446744073709551620]", four), "got a number that is no integer of 64 bits");
    check_refused(file_of("F32", "[1]", "[0,\"4\"]", four), "expected integers from 0 on, got a text");
    check_refused(file_of("F32", "[1]", "[8,4]", eight), "expected 'x' within 8 bytes, got [8, 4] in");
    check_refused(file_of("F32", "[1]", "[0,8]", four), "expected 'x' within 4 bytes, got [0, 8] in");
    check_refused(file_of("F32", "[1]", "[18446744073709551612,18446744073709551615]", four), "expected 'x' within 4 bytes");
}

TEST_CASE("safetensors: shapes that do not fit their bytes are refused") {
    check_refused(file_of("F32", "[2,2]", "[0,12]", std::string(12, '\1')),
                  "expected 4 elements of F32 for 'x' of shape [2, 2], got 12 bytes in");
    check_refused(file_of("F32", "[]", "[0,0]", ""), "expected 1 elements of F32 for 'x' of shape [], got 0 bytes in");
    check_refused(file_of("F32", "[0]", "[0,4]", four), "expected 0 elements of F32");
    check_refused(file_of("F32", "[-1]", "[0,4]", four), "expected integers from 0 on, got a negative number of 'x' in");
    check_refused(file_of("F32", "[1.0]", "[0,4]", four), "no integer of 64 bits of 'x' in");
    check_refused(file_of("F32", "[4611686018427387904,4]", "[0,0]", ""), "expected a shape of at most 8 axes that fits");
    check_refused(file_of("F32", "[4294967296,4294967296]", "[0,0]", ""),
                  "expected a shape that fits, got [4294967296, 42949672");
    check_refused(file_of("F32", "[4294967296,1073741824]", "[0,0]", ""), "expected a shape that fits");  // x 4 bytes is 2^64
    check_refused(file_of("F32", "[0,4294967296,4294967296]", "[0,0]", ""), "expected a shape that fits");
    check_refused(file_of("F32", "[1099511627776]", "[0,4]", four), "expected 1099511627776 elements of F32 for 'x'");
    check_refused(file_of("U8", "[4,1,1,1,1,1,1,1,1]", "[0,4]", four), "expected a shape of at most 8 axes that fits");
    CHECK(open(file_of("U8", "[4,1,1,1,1,1,1,1]", "[0,4]", four)).tensor("x").dim() == 8);
}

TEST_CASE("safetensors: bytes that two tensors or none lay claim to are refused") {
    const auto two = [](const std::string& first, const std::string& second) {
        return R"({"x":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
               R"(},"y":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
    };
    CHECK((open(file_of(two("[4,8]", "[0,4]"), eight)).entries()[0].name == "y"));
    check_refused(file_of(two("[0,4]", "[3,7]"), eight), "expected 'y' at byte 4 of the data, got 3 in");
    check_refused(file_of(two("[0,4]", "[0,4]"), four), "expected 'y' at byte 4 of the data, got 0 in");
    check_refused(file_of(two("[0,4]", "[5,9]"), eight + "x"), "expected 'y' at byte 4 of the data, got 5 in");
    check_refused(file_of(two("[1,5]", "[5,9]"), eight + "x"), "expected 'x' at byte 0 of the data, got 1 in");
    check_refused(file_of(two("[0,4]", "[4,8]"), eight + "x"), "expected 8 bytes after the header, got 9 in");
    check_refused(file_of(two("[0,4]", "[4,8]"), std::string(7, 'x')), "expected 'y' within 7 bytes, got [4, 8] in");
    check_refused(file_of("{}", "x"), "expected 0 bytes after the header, got 1 in");
}

TEST_CASE("safetensors: a name, a field or a key of metadata given twice is refused") {
    const std::string x = R"("x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})",
                      y = R"("\u0078":{"dtype":"U8","shape":[4],"data_offsets":[4,8]})";
    check_refused(file_of("{" + x + "," + y + "}", eight), "expected each name once, got 'x' twice in");
    check_refused(file_of("{" + x + "," + x + "}", four), "expected each name once, got 'x' twice in");
    check_refused(file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), "expected metadata once, got it twice in");
    check_refused(file_of(R"({"__metadata__":{"a":"1","a":"1"}})", ""), "expected each key of metadata once, got one twice in");
}

TEST_CASE("safetensors: metadata that are not texts are refused") {
    for (const std::string metadata : {R"({"a":1})", R"({"a":null})", R"({"a":["b"]})", R"({"a":{"b":"c"}})", R"({"a":true})"})
        check_refused(file_of("{\"__metadata__\":" + metadata + "}", ""), "expected texts as metadata, got");
    for (const std::string metadata : {"[]", "null", "\"a\"", "1"})
        check_refused(file_of("{\"__metadata__\":" + metadata + "}", ""), "expected an object of objects, got");
}

TEST_CASE("safetensors: a file cut short anywhere is refused, and one changed anywhere is refused or read") {
    save_safetensors(scratch("whole.safetensors"), {{"a", numbers({3})}, {"b", Tensor(2)}},
                     {.ids = {{"i", Ids{1, 2}}}, .metadata = {{"k", "v"}}});
    const std::string whole = read_file(scratch("whole.safetensors"));
    for (std::size_t length = 0; length < whole.size(); ++length) CHECK_THROWS_AS(open(whole.substr(0, length)), FileError);
    check_refused(whole + "x", "bytes after the header");
    int refused = 0;
    for (std::size_t i = 0; i < whole.size() - 24; ++i)
        for (const char replacement : {'\0', '9', '"', '}', '\xff'}) {
            std::string changed = whole;
            changed[i] = replacement;
            try {
                const SafetensorsFile file = open(changed);
                for (const StoredTensor& stored : file.entries()) CHECK(file.at(stored.name).bytes == stored.bytes);
                (void)file.tensors();
            } catch (const FileError&) {
                ++refused;
            }
        }
    CHECK(refused > 500);
}

TEST_CASE("safetensors: what a file promises takes no memory") {
    reset_peak_memory();
    const std::size_t before = memory_statistics().peak_bytes;
    for (const std::string shape : {"[1099511627776]", "[1048576,1048576]", "[4611686018427387904,4]", "[1000000000]"})
        CHECK_THROWS_AS(open(file_of("U8", shape, "[0,4]", four)), FileError);
    const SafetensorsFile file = open(file_of("F8_E4M3", "[65536]", "[0,65536]", std::string(65536, '\1')));
    CHECK_THROWS_AS(file.tensor("x"), FileError);
    CHECK(memory_statistics().peak_bytes <= before + 65536);  // to which the peak is measured
}
