// Files that are written as a whole or not at all.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Writes a file: beside its place, flushed to the disk, then renamed to it.
///
/// Whoever reads the path sees the old contents or the new ones, never a part, even if the program or the machine stops on the way. A
/// file that was there keeps its permissions, a link still leads where it did; a device or pipe is written to as it is. Throws
/// FileError, and then the old file is as it was. Of a program that is killed a file `.tapehead-draft0` (1, 2 ...) may stay in the
/// folder; the next write to the folder takes it away, where the file system knows locks (flock).
void write_file(const std::string& path, std::string_view contents);

/// What makes a file, piece by piece: calls `write` for each in their order. May be called again for the same file.
using FilePieces = std::function<void(const std::function<void(std::string_view piece)>& write)>;

/// The same for a file that need not be in memory as a whole. What `pieces` throws goes on to the caller.
void write_file(const std::string& path, const FilePieces& pieces);

/// The contents of a file. Throws FileError.
std::string read_file(const std::string& path);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
