// Reads a safetensors file and writes all that is in it to another: test_safetensors.py compares the two.
//
// Floating point is written in the type named on the command line, integers and flags as ids.
#include <iostream>

#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

Dtype dtype_of(const std::string& name) {
    for (const Dtype dtype : {Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16})
        if (to_string(dtype) == name) return dtype;
    return native_dtype;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4) throw ValueError("rewrite_safetensors: expected two files and a type, got something else");
    const SafetensorsFile file(argv[1]);
    SafetensorsOptions options{.metadata = file.metadata(), .dtype = dtype_of(argv[3])};
    for (const StoredTensor& stored : file.entries())
        if (!is_floating_point(stored.dtype)) options.ids.push_back({stored.name, file.ids(stored.name)});
    save_safetensors(argv[2], file.tensors(), options);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
