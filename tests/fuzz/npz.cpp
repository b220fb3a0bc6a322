// Any bytes as an .npz archive: read, or refused with FileError; what was read is written and read again.
#include <fuzz/target.hpp>

#include <algorithm>
#include <set>

#include <support/scratch.hpp>

using namespace fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    NamedTensors tensors;
    const MemoryFile file(text_of(data, size));
    if (!accepts<FileError>([&] { tensors = load_npz(file.path()); })) return 0;
    std::set<std::string> names;
    for (const auto& [name, tensor] : tensors) names.insert(name);
    const std::string path = testing::scratch("again.npz");
    // Two arrays may have one name in the archive of another program, but not here.
    if (!accepts<FileError, ValueError>([&] { save_npz(path, tensors); })) return 0;
    require(names.size() == tensors.size(), "names that differ in what can be written");
    require(is_same(tensors, load_npz(path)), "the same arrays when they are written and read again");
    return 0;
}
