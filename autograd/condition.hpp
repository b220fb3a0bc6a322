// Condition: an array of true and false, what comparisons give and `where` takes.
//
// A cheap handle to values that never change; it has no gradient and is no attention mask (ops/attention_mask.hpp).
#pragma once

#include <concepts>
#include <memory>

#include <tapehead/autograd/arrays.hpp>
#include <tapehead/autograd/memory.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// An array of true and false: a handle to values that are shared and do not change.
class Condition {
public:
    /// Uninitialised, to be filled through `raw()` before it is shared. Throws as checked_numel.
    explicit Condition(const Shape& shape)
        : values_(std::allocate_shared<bool[]>(memory::Allocator<bool>(),
                                               static_cast<std::size_t>(checked_numel("Condition", shape)))),
          shape_(shape) {}
    /// The values of an xtensor array or expression of bool, evaluated and copied.
    template <class E>
    requires std::same_as<typename E::value_type, bool> Condition(const xt::xexpression<E>& expression)
        : Condition(BoolArray(expression.derived_cast())) {}
    /// The values of an array, copied.
    Condition(const BoolArray& array) : Condition(shape_of(array)) { std::copy_n(array.data(), numel(), raw()); }

    const Shape& shape() const { return shape_; }       ///< the extents
    Index numel() const { return shape_.numel(); }      ///< the number of elements
    const bool* data() const { return values_.get(); }  ///< the elements, row-major
    /// The elements of a condition that is not shared yet, to be filled.
    bool* raw() { return values_.get(); }
    std::span<const bool> values() const { return {data(), static_cast<std::size_t>(numel())}; }  ///< the elements, row-major
    /// A copy as an xtensor array.
    BoolArray array() const {
        BoolArray result = make_array<bool>(shape_);
        std::copy_n(data(), numel(), result.data());
        return result;
    }
    /// The same values in another shape of as many elements. Throws ShapeError.
    Condition reshape(const Shape& shape) const;

    bool any() const;  ///< whether one is true; false for none
    bool all() const;  ///< whether none is false; true for none

private:
    std::shared_ptr<bool[]> values_;
    Shape shape_;
};

/// True where a is false.
Condition operator!(const Condition& a);
/// Both hold; shapes broadcast. Throws ShapeError.
Condition operator&(const Condition& a, const Condition& b);
/// At least one holds; shapes broadcast. Throws ShapeError.
Condition operator|(const Condition& a, const Condition& b);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
