// Zip archives of .npy files, through libzip; see npy.hpp.
#include <tapehead/io/npy.hpp>

#include <memory>
#include <set>

#include <zip.h>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/npy_format.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

struct Close {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_source_t* source) const { zip_source_free(source); }
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Close>;
using Source = std::unique_ptr<zip_source_t, Close>;
using File = std::unique_ptr<zip_file_t, Close>;

/// A zip archive in memory. Throws FileError.
Archive open_archive(Source source, int flags, const char* operation, const std::string& path) {
    zip_error_t error;
    zip_error_init(&error);
    Archive archive(source ? zip_open_from_source(source.get(), flags, &error) : nullptr);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    check<FileError>(archive != nullptr, "{}: expected a zip archive, got '{}': {}", operation, path, why);
    (void)source.release();  // the archive's now
    return archive;
}

/// All that was written to a source. Throws FileError.
std::string contents_of(zip_source_t* source, const std::string& path) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    check<FileError>(zip_source_stat(source, &stat) == 0 && zip_source_open(source) == 0,
                     "save_npz: expected an archive that can be read back, got '{}'", path);
    std::string bytes(stat.size, '\0');
    const bool is_whole = zip_source_read(source, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size());
    zip_source_close(source);
    check<FileError>(is_whole, "save_npz: expected an archive that can be read back, got '{}'", path);
    return bytes;
}

/// An archive with these files in it, stored as they are. Throws FileError.
std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files, const std::string& path) {
    if (files.empty()) return std::string("PK\5\6", 4) + std::string(18, '\0');  // which libzip does not write
    const Source memory(zip_source_buffer_create(nullptr, 0, 0, nullptr));
    zip_source_keep(memory.get());
    Archive archive = open_archive(Source(memory.get()), ZIP_CREATE | ZIP_TRUNCATE, "save_npz", path);
    const auto require = [&](bool worked) {
        if (worked) return;  // and then the archive may be gone, with its error
        throw FileError(
            fmt::format("save_npz: expected an archive that can be made, got '{}': {}", path, zip_strerror(archive.get())));
    };
    constexpr zip_uint16_t midnight = 0, first_of_january_1980 = 0x21;  // one time for all, as NumPy
    for (const auto& [name, bytes] : files) {
        Source source(zip_source_buffer(archive.get(), bytes.data(), bytes.size(), 0));  // read when the archive is closed
        const zip_int64_t entry = zip_file_add(archive.get(), name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
        require(entry >= 0);
        (void)source.release();
        const auto index = static_cast<zip_uint64_t>(entry);
        require(zip_set_file_compression(archive.get(), index, ZIP_CM_STORE, 0) == 0 &&
                zip_file_set_dostime(archive.get(), index, midnight, first_of_january_1980, 0) == 0);
    }
    require(zip_close(archive.get()) == 0);
    (void)archive.release();
    return contents_of(memory.get(), path);
}

}  // namespace

void save_npz(const std::string& path, const NamedTensors& tensors) {
    std::vector<std::pair<std::string, std::string>> files;
    std::set<std::string> names;
    for (const auto& [name, tensor] : tensors) {
        check<ValueError>(names.insert(name).second, "save_npz: expected each name once, got '{}' twice", name);
        files.emplace_back(name + ".npy", detail::npy_bytes(tensor));
    }
    write_file(path, archive_of(files, path));
}

NamedTensors load_npz(const std::string& path) {
    const std::string bytes = read_file(path);
    check<FileError>(bytes.starts_with("PK"), "load_npz: expected a zip archive, got '{}'", path);
    const Archive archive = open_archive(Source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, nullptr)),
                                         ZIP_RDONLY | ZIP_CHECKCONS, "load_npz", path);
    // Deflate makes nothing smaller than by a factor of 1032: more is a lie of the archive, and not to be made room for.
    const std::uint64_t most_bytes = 1032 * bytes.size();
    NamedTensors tensors;
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0)); ++i) {
        zip_stat_t entry;
        zip_stat_init(&entry);
        check<FileError>(zip_stat_index(archive.get(), i, 0, &entry) == 0 && (entry.valid & ZIP_STAT_SIZE) &&
                             entry.size <= most_bytes,
                         "load_npz: expected a zip archive, got '{}': entry {} has no size that can be", path, i);
        const File file(zip_fopen_index(archive.get(), i, 0));
        std::string array(entry.size, '\0');
        char beyond = 0;  // the checksum is compared at the end of the data
        check<FileError>(file && zip_fread(file.get(), array.data(), entry.size) == static_cast<zip_int64_t>(entry.size) &&
                             zip_fread(file.get(), &beyond, 1) == 0,
                         "load_npz: expected '{}' in '{}', got an archive that is damaged", entry.name, path);
        std::string name = entry.name;
        if (name.ends_with(".npy")) name.erase(name.size() - 4);
        tensors.push_back({name, detail::tensor_of(detail::parse_npy(array, path + ": " + entry.name))});
    }
    return tensors;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
