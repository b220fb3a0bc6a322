// Misuse of files: paths that are none, files that hold something else, names and types that cannot be written.
#include <filesystem>

#include "misuse/misuse.hpp"
#include "support/scratch.hpp"

namespace testing {
namespace {

using T = Things;

std::string nowhere() { return scratch("no-such-folder/file"); }

std::string file_of(const std::string& bytes) {
    const std::string path = scratch("misused");
    write_file(path, bytes);
    return path;
}

/// A file of the arrays that some rows read.
const SafetensorsFile& arrays() {
    static const SafetensorsFile file = [] {
        const std::string path = scratch("arrays.safetensors");
        save_safetensors(path, {{"numbers", zeros({2})}}, {.ids = {{"ids", Ids{1}}}});
        return SafetensorsFile(path);
    }();
    return file;
}

/// A file of NumPy's with one array of a type.
std::string npy_of(const std::string& type, const std::string& shape, const std::string& data) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header += std::string(117 - header.size(), ' ') + "\n";
    return file_of(std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data);
}

Misuses of_safetensors() {
    constexpr auto file = "SafetensorsFile", save = "save_safetensors";
    return {
        {"SafetensorsFile", "no file", raises<FileError>("MappedFile", {"can be read", "no-such-folder"}),
         [](T&) { SafetensorsFile f(nowhere()); }},
        {"SafetensorsFile", "a folder", raises<FileError>("MappedFile", {"a file", "folder"}),
         [](T&) { SafetensorsFile f(std::filesystem::temp_directory_path()); }},
        {"SafetensorsFile", "an empty file", raises<FileError>(file, {"at least 8 bytes", "got 0"}),
         [](T&) { SafetensorsFile f(file_of("")); }},
        {"SafetensorsFile", "a text", raises<FileError>(file, {"header"}),
         [](T&) { SafetensorsFile f(file_of("this is no safetensors file")); }},
        {"SafetensorsFile::at", "a name that is not there", raises<FileError>(file, {"'other'", "no tensor"}),
         [](T&) { arrays().at("other"); }},
        {"SafetensorsFile::ids", "floating point", raises<FileError>(file, {"integers or BOOL", "'numbers'"}),
         [](T&) { arrays().ids("numbers"); }},
        {"SafetensorsFile::condition", "integers", raises<FileError>(file, {"expected BOOL", "got I64"}),
         [](T&) { arrays().condition("ids"); }},
        {"SafetensorsFile::tensor", "an empty name", raises<FileError>(file, {"''", "no tensor"}),
         [](T&) { arrays().tensor(""); }},
        {"save_safetensors", "no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"a", t.x}});
         }},
        {"save_safetensors", "an undefined tensor", raises<ValueError>(save, {"undefined one for 'a'"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"a", t.none}});
         }},
        {"save_safetensors", "a name given twice", raises<ValueError>(save, {"each name once", "'a' twice"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"a", t.x}, {"a", t.y}});
         }},
        {"save_safetensors", "the name of the metadata", raises<ValueError>(save, {"__metadata__"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"__metadata__", t.x}});
         }},
        {"save_safetensors", "a name that is not UTF-8", raises<ValueError>(save, {"UTF-8"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"\xFF", t.x}});
         }},
        {"save_safetensors", "an integer type", raises<ValueError>(save, {"F64, F32, F16 or BF16", "I64"}),
         [](T& t) {
             save_safetensors(nowhere(), {{"a", t.x}}, {.dtype = Dtype::I64});
         }},
        {"load_safetensors", "no file", raises<FileError>("MappedFile", {"can be read", "no-such-folder"}),
         [](T&) { load_safetensors(nowhere()); }},
        {"load_model", "no file", raises<FileError>("MappedFile", {"can be read", "no-such-folder"}),
         [](T& t) { load_model(nowhere(), t.linear); }},
        {"load_model", "a file of another model",
         raises<StateError>("load_state_dict", {"missing [weight, bias]", "unexpected [other]"}),
         [](T& t) {
             save_safetensors(scratch("other"), {{"other", t.x}});
             load_model(scratch("other"), t.linear);
         }},
        {"save_model", "no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T& t) { save_model(nowhere(), t.linear); }},
        {"save_torch_model", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T& t) { save_torch_model(nowhere(), t.linear); }},
        {"load_torch_model", "no file", raises<FileError>("MappedFile", {"can be read"}),
         [](T& t) { load_torch_model(nowhere(), t.linear); }},
    };
}

Misuses of_numpy() {
    return {
        {"save_npy", "no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T& t) { save_npy(nowhere(), t.x); }},
        {"save_npy", "ids, and no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T& t) { save_npy(nowhere(), t.ids); }},
        {"load_npy", "no file", raises<FileError>("read_file", {"can be read", "no-such-folder"}),
         [](T&) { load_npy(nowhere()); }},
        {"load_npy", "a text", raises<FileError>("load_npy", {"NumPy's format", "something else"}),
         [](T&) { load_npy(file_of("this is no array")); }},
        {"load_npy", "text as elements", raises<FileError>("load_npy", {"numbers or bool", "<U1"}),
         [](T&) { load_npy(npy_of("<U1", "(1,)", "abcd")); }},
        {"load_npy", "fewer bytes than the shape says", raises<FileError>("load_npy", {"3 elements of 8 bytes", "got 8 bytes"}),
         [](T&) { load_npy(npy_of("<f8", "(3,)", std::string(8, '\0'))); }},
        {"load_npy", "a shape whose product overflows", raises<FileError>("load_npy", {"a shape that fits"}),
         [](T&) { load_npy(npy_of("<f8", "(1099511627776, 1099511627776)", "")); }},
        {"load_npy", "nothing in a shape whose distances overflow", raises<FileError>("load_npy", {"a shape that fits"}),
         [](T&) { load_npy(npy_of("<f8", "(0, 1099511627776, 1099511627776)", "")); }},
        {"load_npy_ids", "floating point", raises<FileError>("load_npy_ids", {"integers or bool", "floating point"}),
         [](T&) { load_npy_ids(npy_of("<f8", "(1,)", std::string(8, '\0'))); }},
        {"load_npy_ids", "numbers beyond int64", raises<FileError>("load_npy_ids", {"int64", "18446744073709551615"}),
         [](T&) { load_npy_ids(npy_of("<u8", "(1,)", std::string(8, '\xFF'))); }},
        {"save_npz", "a name given twice", raises<ValueError>("save_npz", {"each name once", "'a' twice"}),
         [](T& t) {
             save_npz(nowhere(), {{"a", t.x}, {"a", t.y}});
         }},
        {"save_npz", "no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T& t) {
             save_npz(nowhere(), {{"a", t.x}});
         }},
        {"load_npz", "no file", raises<FileError>("read_file", {"can be read", "no-such-folder"}),
         [](T&) { load_npz(nowhere()); }},
        {"load_npz", "a text", raises<FileError>("load_npz", {"a zip archive", "misused"}),
         [](T&) { load_npz(file_of("this is no archive")); }},
    };
}

Misuses of_checkpoints() {
    return {
        {"Checkpoint::add", "an empty name", raises<ValueError>("Checkpoint", {"without dots", "''"}),
         [](T& t) { Checkpoint().add("", t.linear); }},
        {"Checkpoint::add", "a name with a dot", raises<ValueError>("Checkpoint", {"without dots", "'a.b'"}),
         [](T& t) { Checkpoint().add("a.b", t.optimizer); }},
        {"Checkpoint::add", "the name of the default stream",
         raises<ValueError>("Checkpoint", {"each name once", "'random' twice"}),
         [](T& t) { Checkpoint().add("random", t.generator); }},
        {"Checkpoint::save", "no folder", raises<FileError>("write_file", {"can be written"}),
         [](T&) { Checkpoint().save(nowhere()); }},
        {"Checkpoint::save", "a reserved text",
         raises<ValueError>("Checkpoint", {"do not begin with 'tapehead.'", "'tapehead.mine'"}),
         [](T&) {
             Checkpoint().save(nowhere(), {{"tapehead.mine", ""}});
         }},
        {"Checkpoint::save", "the averages swapped in", raises<StateError>("state_dict", {"own values", "averages"}),
         [](T& t) {
             t.average.swap();
             t.begin();
             Checkpoint checkpoint;
             checkpoint.add("average", t.average);
             checkpoint.save(nowhere());
         }},
        {"Checkpoint::load", "no file", raises<FileError>("MappedFile", {"can be read"}),
         [](T&) { Checkpoint().load(nowhere()); }},
        {"Checkpoint::load", "a model", raises<FileError>("Checkpoint", {"a checkpoint of format", "another kind"}),
         [](T& t) {
             save_model(scratch("model"), t.linear);
             Checkpoint().load(scratch("model"));
         }},
        {"Checkpoint::load", "other parts", raises<StateError>("Checkpoint", {"missing [model]", "unexpected [step]"}),
         [](T& t) {
             Index step = 3;
             Checkpoint saved, other;
             saved.add("step", step);
             other.add("model", t.linear);
             saved.save(scratch("checkpoint"));
             other.load(scratch("checkpoint"));
         }},
        {"Checkpoint::load", "a model of another shape, after an optimizer that fits",
         raises<StateError>("load_state_dict", {"weight", "instead of"}),
         [](T& t) {
             Linear larger(5, 4);
             Checkpoint saved, other;
             saved.add("optimizer", t.optimizer);
             saved.add("model", larger);
             saved.save(scratch("checkpoint"));
             other.add("optimizer", t.optimizer);
             other.add("model", t.linear);
             t.optimizer.set_lr(0.5);
             manual_seed(8);
             t.begin();
             other.load(scratch("checkpoint"));
         }},
        {"write_file", "no folder", raises<FileError>("write_file", {"can be written", "no-such-folder"}),
         [](T&) { write_file(nowhere(), "text"); }},
        {"write_file", "an empty path", raises<FileError>("write_file", {"can be written", "''"}),
         [](T&) { write_file("", "text"); }},
        {"read_file", "no file", raises<FileError>("read_file", {"can be read", "no-such-folder"}),
         [](T&) { read_file(nowhere()); }},
        {"read_file", "a folder", raises<FileError>("read_file", {"can be read"}),
         [](T&) { read_file(std::filesystem::temp_directory_path()); }},
        {"MappedFile", "an empty path", raises<FileError>("MappedFile", {"can be read", "''"}), [](T&) { MappedFile f(""); }},
        {"AppendFile", "no folder", raises<FileError>("AppendFile", {"can be written", "no-such-folder"}),
         [](T&) { AppendFile f(nowhere()); }},
        {"AppendFile", "a file that is there, to be refused", raises<FileError>("AppendFile", {"can be written", "misused"}),
         [](T&) { AppendFile f(file_of(""), AppendFile::Existing::refused); }},
    };
}

}  // namespace

Misuses misuses_of_files() {
    Misuses all = of_safetensors();
    for (const Misuses& family : {of_numpy(), of_checkpoints()}) all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace testing
