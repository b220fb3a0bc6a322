// The exceptions of the library. Every message reads `operation: what was expected, got what`, and every one is thrown before
// anything has changed.
#pragma once

#include <stdexcept>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The base of all exceptions that the library throws.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Shapes that do not fit an operation, or each other.
struct ShapeError : Error {
    using Error::Error;
};

/// An axis, position, token id or class that is out of range.
struct IndexError : Error {
    using Error::Error;
};

/// An argument outside the values that an operation accepts.
struct ValueError : Error {
    using Error::Error;
};

/// A gradient asked for where there is none, twice from a freed graph, or from values that changed since.
struct GradError : Error {
    using Error::Error;
};

/// State that does not belong to the module or optimizer it is loaded into.
struct StateError : Error {
    using Error::Error;
};

/// A file that cannot be read or written, or does not hold what it should.
struct FileError : Error {
    using Error::Error;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
