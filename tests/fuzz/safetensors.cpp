// Any bytes as a safetensors file: opened, or refused with FileError; arrays that were read are written and read again, in this library's
// number type and loaded into a module.
#include <fuzz/target.hpp>

#include <cstring>

#include <support/scratch.hpp>

using namespace fuzz;

namespace {

/// Reads each array in every way there is.
void read_all(const SafetensorsFile& file, std::string_view bytes) {
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    std::size_t used = sizeof header + header;
    for (const StoredTensor& stored : file.entries()) used += stored.bytes.size();
    require(used == bytes.size(), "each byte of the file in the header or in one array");
    for (const StoredTensor& stored : file.entries()) {
        require(file.has(stored.name) && &file.at(stored.name) == &stored, "each array under its name", stored.name);
        accepts<FileError>([&] { require(file.tensor(stored.name).shape() == stored.shape, "the shape in the file"); });
        accepts<FileError>([&] { require(shape_of(file.ids(stored.name)) == stored.shape, "the shape in the file"); });
        accepts<FileError>([&] { require(file.condition(stored.name).shape() == stored.shape, "the shape in the file"); });
    }
    require(!accepts<FileError>([&] { file.tensor("no such name, \x01"); }) || file.has("no such name, \x01"),
            "an error for a name that is not there");
}

/// A module is loaded whole or not at all.
void load_into_module(const NamedTensors& tensors) {
    manual_seed(1);
    Linear layer(3, 2);
    const NamedTensors before = layer.state_dict();
    if (!accepts<StateError>([&] { layer.load_state_dict(tensors); }))
        require(is_same(layer.state_dict(), before), "a module as it was where loading failed");
    else
        for (const auto& [name, tensor] : layer.state_dict())
            for (const NamedTensor& loaded : tensors)
                require(loaded.name != name || is_same(loaded.tensor, tensor), "the tensor that was loaded", name);
    accepts<StateError>([&] { layer.load_state_dict(tensors, {.strict = false}); });
}

void write_again(const SafetensorsFile& file, const NamedTensors& tensors) {
    SafetensorsOptions options{.metadata = file.metadata()};
    for (const StoredTensor& stored : file.entries())
        if (!is_floating_point(stored.dtype))
            accepts<FileError>([&] { options.ids.push_back({stored.name, file.ids(stored.name)}); });
    const std::string path = testing::scratch("again.safetensors");
    save_safetensors(path, tensors, options);
    const SafetensorsFile again(path);
    require(again.metadata() == file.metadata(), "the same metadata when it is written and read again");
    require(again.entries().size() == tensors.size() + options.ids.size(), "as many arrays as were written");
    for (const auto& [name, tensor] : tensors) require(is_same(again.tensor(name), tensor), "the same numbers again", name);
    for (const auto& [name, ids] : options.ids) require(again.ids(name) == ids, "the same ids again", name);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MemoryFile memory(text_of(data, size));
    const auto file = accepted<FileError>([&] { return SafetensorsFile(memory.path()); });
    if (!file) return 0;
    read_all(*file, text_of(data, size));
    const auto tensors = accepted<FileError>([&] { return file->tensors(); });  // unless one has a type that is none of ours
    if (!tensors) return 0;
    load_into_module(*tensors);
    write_again(*file, *tensors);
    return 0;
}
