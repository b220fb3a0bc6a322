// NumPy's formats: what NumPy itself wrote (tests/fixtures/make_numpy_files.py) is read as it was meant, integers exactly, and headers
// that only look like NumPy's are refused. Round trips and damaged files are in test_files.cpp; that NumPy reads what is
// written here, in tests/interchange.
#include <support/scratch.hpp>
#include <support/testing.hpp>

#include <limits>

using namespace testing;

namespace {

std::string numpy(const std::string& name) { return TAPEHEAD_FIXTURES "/numpy_" + name; }

/// A .npy file of version 1 with this header and data.
std::string npy(const std::string& header, const std::string& data = std::string(8, '\0')) {
    std::string bytes = "\x93NUMPY";
    bytes += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
    return bytes + header + data;
}

Tensor load(const std::string& bytes) {
    write_file(scratch("given.npy"), bytes);
    return load_npy(scratch("given.npy"));
}

}  // namespace

TEST_CASE("npy: NumPy's number types in both byte orders are read from a compressed archive") {
    const NamedTensors arrays = load_npz(numpy("types.npz"));
    REQUIRE(arrays.size() == 20);
    for (const auto& [name, tensor] : arrays) {
        INFO(name);
        if (name == "|b1") check_close(tensor, Tensor{{0, 1, 1}, {1, 1, 1}});
        else check_close(tensor, Tensor{{0, 1, 2}, {3, 4, 5}});
    }
}

TEST_CASE("npy: NumPy's shapes and orders are read from a stored archive") {
    const NamedTensors arrays = load_npz(numpy("shapes.npz"));
    const auto array = [&](const std::string& name) { return std::ranges::find(arrays, name, &NamedTensor::name)->tensor; };
    const Tensor cube = reshape(arange(24), {2, 3, 4});
    check_close(array("scalar"), Tensor(2.5));
    check_close(array("empty"), zeros({3, 0, 2}));
    check_close(array("one"), Tensor{7});
    check_close(array("cube"), cube);
    check_close(array("fortran"), cube);
    check_close(array("transposed"), permute(cube, {2, 0, 1}));
    check_close(array("layer.0.weight"), select(cube, 0, 1));
}

TEST_CASE("npy: NumPy's numbers and the third version of its format are read") {
    check_close(load_npy(numpy("numbers.npy")), Tensor{{0.1, -1e-300, NAN}, {INFINITY, -INFINITY, -0.0}});
    check_close(load_npy(numpy("version_3.npy")), Tensor{1, 2});
}

TEST_CASE("npy: objects, records, text and complex numbers of NumPy's are refused") {
    CHECK_THROWS_WITH(load_npy(numpy("objects.npy")), Catch::Contains("expected numbers or bool, got '|O' in"));
    CHECK_THROWS_WITH(load_npy(numpy("records.npy")), Catch::Contains("expected numbers or bool, got an array of records in"));
    CHECK_THROWS_WITH(load_npy(numpy("text.npy")), Catch::Contains("expected numbers or bool, got '<U3' in"));
    CHECK_THROWS_WITH(load_npy(numpy("complex.npy")), Catch::Contains("expected numbers or bool, got '<c16' in"));
}

TEST_CASE("npy: ids are read exactly, of every integer type, and refused where they are none") {
    constexpr Id least = std::numeric_limits<Id>::min();
    const Ids ids = load_npy_ids(numpy("ids.npy"));
    CHECK((ids == Ids{{3, -1, (Id{1} << 62) + 1}, {0, 5, least}}));
    save_npy(scratch("ids.npy"), ids);
    CHECK((load_npy_ids(scratch("ids.npy")) == ids));
    const Ids none = make_array<Id>({0, 4});
    save_npy(scratch("ids.npy"), none);
    CHECK(shape_of(load_npy_ids(scratch("ids.npy"))) == Shape{0, 4});

    CHECK_THROWS_WITH(load_npy_ids(numpy("numbers.npy")), Catch::Contains("expected integers or bool, got floating point in"));
    CHECK_THROWS_WITH(load_npy_ids(numpy("large_ids.npy")), Catch::Contains("of int64, got 9223372036854775808 in"));
    check_close(load_npy(numpy("large_ids.npy")), Tensor{std::ldexp(1, 63)});
}

TEST_CASE("npy: a header is read strictly") {
    check_close(load(npy("{'descr':'<f8','fortran_order':False,'shape':(1,)}")), Tensor{0});
    check_close(load(npy("{\"shape\": ( 1 , 1 ), 'fortran_order' : False, 'descr' : '=f8' , } \n")), Tensor{{0}});
    for (const std::string header :
         {"", "{", "{}", "'descr'", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", "{'descr: '<f8'}",
          "{'descr': '<f8', 'fortran_order': False, 'shape': True}",
          "{'descr': '<f8', 'fortran_order': 'False', 'shape': (1,)}", "{'descr': '<f8', 'fortran_order': (), 'shape': (1,)}",
          "{'descr': False, 'fortran_order': False, 'shape': (1,)}", "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
          "{'descr': '<f8', 'fortran_order': False, 'shape': (,)}", "{'descr': '<f8', 'fortran_order': False, 'shape': (1 1)}",
          "{'descr': '<f8', 'fortran_order': False, 'shape': (1,,)}", "{'descr': '<f8', 'fortran_order': False, 'shape': [1]}",
          "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
          "{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x",
          "{'descr': '<f8 ', 'fortran_order': False, 'shape': (1,)}"})
        CHECK_THROWS_AS(load(npy(header)), FileError);
    CHECK_THROWS_WITH(load(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1)}")),
                      Catch::Contains("load_npy: expected a header with 'descr', 'fortran_order' and 'shape', got {'descr'") &&
                          Catch::Contains("given.npy"));
    CHECK_THROWS_WITH(load(npy("{" + std::string(60000, ' '))), Catch::Contains("of at most 10000 bytes, got 60001 in"));
}

TEST_CASE("npy: a shape that could not be is refused before memory is taken") {
    const auto with_shape = [](const std::string& shape) {
        return npy("{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + "}");
    };
    CHECK_THROWS_AS(load(with_shape("(1000000000000,)")), FileError);
    CHECK_THROWS_AS(load(with_shape("(4294967296, 4294967296)")), FileError);
    CHECK_THROWS_AS(load(with_shape("(0, 4294967296, 4294967296)")), FileError);
    CHECK_THROWS_AS(load(with_shape("(99999999999999999999,)")), FileError);
    CHECK_THROWS_AS(load(with_shape("(8,1,1,1,1,1,1,1,1)")), FileError);
    CHECK(load(with_shape("(8,1,1,1,1,1,1,1)")).dim() == 8);
}

TEST_CASE("npz: an archive that promises more than it can hold is refused") {
    save_npz(scratch("large.npz"), {{"a", numbers({4})}});
    std::string bytes = read_file(scratch("large.npz"));
    const std::size_t entry = bytes.rfind("PK\1\2");  // of the central directory: sizes at 20 and 24
    const std::string huge("\xfe\xff\xff\x7f", 4);
    bytes.replace(entry + 20, 4, huge).replace(entry + 24, 4, huge);
    write_file(scratch("large.npz"), bytes);
    CHECK_THROWS_AS(load_npz(scratch("large.npz")), FileError);
}

TEST_CASE("npz: the same tensors give the same bytes") {
    save_npz(scratch("one.npz"), {{"a", numbers({4})}, {"b", Tensor(1)}});
    save_npz(scratch("two.npz"), {{"a", numbers({4})}, {"b", Tensor(1)}});
    CHECK(read_file(scratch("one.npz")) == read_file(scratch("two.npz")));
}
