// An open file of the operating system's.
#pragma once

#include <string_view>
#include <utility>

#include <tapehead/autograd/config.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// Owns what `open` returned; closed at the end.
class Descriptor {
public:
    /// Takes over a number; −1 for none.
    explicit Descriptor(int number = -1) : number_(number) {}
    /// @{
    /// Takes what the other owns.
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    /// @}
    ~Descriptor();

    int number() const { return number_; }         ///< for the system's calls
    bool is_open() const { return number_ >= 0; }  ///< whether there is one
    /// Writes all of it, however many calls it takes. Returns false where that fails; `errno` says why.
    bool write(std::string_view contents) const;

private:
    int number_;
};

}  // namespace tapehead::inline TAPEHEAD_SCALAR
