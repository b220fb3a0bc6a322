// Any bytes as a .npy file: read as numbers and as ids, or refused with FileError; what was read is written and read again.
#include <fuzz/target.hpp>

#include <algorithm>

#include <tapehead/io/npy_format.hpp>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MemoryFile file(text_of(data, size));
    Tensor tensor;
    const bool has_numbers = accepts<FileError>([&] { tensor = load_npy(file.path()); });
    if (has_numbers) {
        require(static_cast<std::size_t>(tensor.numel()) <= size, "at most an element for each byte");
        const std::string bytes = tapehead::detail::npy_bytes(tensor);
        require(is_same(tensor, tapehead::detail::tensor_of(tapehead::detail::parse_npy(bytes, "what was written"))),
                "the same numbers when they are written and read again");
    }
    accepts<FileError>([&] {
        const Ids ids = load_npy_ids(file.path());
        require(has_numbers && shape_of(ids) == tensor.shape(), "ids only of a file that has numbers, and of their shape");
        require(std::equal(ids.begin(), ids.end(), tensor.values().begin(),
                           [](Id id, Scalar number) { return static_cast<Scalar>(id) == number; }),
                "ids that are the numbers");
    });
    return 0;
}
