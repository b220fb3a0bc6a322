// Tensor: a handle to a value, its gradient, and the operation that made it.
//
// Copies share all three. The value is contiguous and row-major; operations (ops/) make new tensors and record themselves on
// the tape (tape.hpp); `backward` (here) and `grad` (sweep.hpp) walk it back.
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tapehead/autograd/arrays.hpp>
#include <tapehead/autograd/error.hpp>
#include <tapehead/autograd/grad_mode.hpp>
#include <tapehead/autograd/memory.hpp>
#include <tapehead/autograd/node.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

/// The numbers of C++ itself, of any size.
template <class T>
concept Number = std::is_arithmetic_v<T>;

/// How a sweep treats the tape.
struct BackwardOptions {
    bool retain_graph = false;  ///< keep what the sweep passes, so that it can be swept again
    /// Record the sweep itself, so that gradients can be differentiated; implies retain_graph. A recorded `.grad` refers to the
    /// graph that leads to its own leaf: clear it with zero_grad() when done, or better use grad(), which leaves no such cycle.
    bool create_graph = false;
};

/// A function of a gradient: returns what takes its place, or nothing (an undefined tensor) to leave it.
using GradientHook = std::function<Tensor(const Tensor&)>;

namespace detail {

/// What the handles of one tensor share.
struct TensorBody : memory::Cached {
    TensorBody(Ref<Storage> values, const Shape& extents);
    ~TensorBody();
    void dispose() noexcept { delete this; }

    std::atomic<int> owners{0};
    Ref<Storage> storage;
    Shape shape;
    Ref<Node> node;  // made it, or holds the gradient of a leaf; null if no gradient is wanted
    struct Forget {  // out of the way of the destructor: few tensors have a name
        [[gnu::cold]] void operator()(const std::string* forgotten) const;
    };
    std::unique_ptr<const std::string, Forget> name;  // null for none
};

/// While a rule runs: when its operation was recorded. Values that changed later are not the ones it needs.
struct Reading {
    std::uint64_t since = UINT64_MAX;
    const char* operation = nullptr;
};
inline constinit thread_local Reading reading;

[[noreturn]] void throw_changed_in_place();
[[noreturn]] void throw_undefined();

/// A number, or a list of these: what nested braces become.
struct Nested {
    template <Number T>
    Nested(T number) : value(static_cast<Scalar>(number)), is_list(false) {}
    Nested(std::initializer_list<Nested> elements) : list(elements), is_list(true) {}

    Scalar value = 0;
    std::initializer_list<Nested> list;
    bool is_list;
};

}  // namespace detail

/// An array of numbers with a shape, its gradient, and the operation that made it: a handle, copied at the cost of a pointer.
///
/// Copies are the same tensor. The value is contiguous and row-major, in Scalar; it is shared by `reshape` and `detach`. What needs a
/// value throws ValueError for an undefined tensor.
class Tensor {
public:
    /// An undefined tensor, false in a condition: "no bias", "no gradient yet".
    Tensor() = default;

    /// A scalar, shape [].
    template <Number T>
    Tensor(T value) : Tensor(full_of(Shape{}, static_cast<Scalar>(value))) {}

    /// From nested lists: `Tensor{1, 2}` is [2], `Tensor{{1, 2}, {3, 4}}` is [2, 2]. Throws ShapeError for ragged rows.
    Tensor(std::initializer_list<detail::Nested> list);

    /// The values of an xtensor array or expression, evaluated and copied.
    template <class E>
    Tensor(const xt::xexpression<E>& expression) : Tensor(from_array(Array(expression.derived_cast()))) {}

    /// Copies `values`, row-major. Throws ShapeError if their number does not fit the shape.
    static Tensor from_values(std::span<const Scalar> values, const Shape& shape);

    explicit operator bool() const { return static_cast<bool>(body_); }  ///< whether it is defined
    bool defined() const { return static_cast<bool>(body_); }            ///< whether it is a tensor at all

    /// @name The value
    /// @{

    const Shape& shape() const { return body().shape; }  ///< the extents, outermost first
    Index dim() const { return body().shape.rank(); }    ///< the number of axes
    /// The extent of an axis; negative axes count from the end. Throws IndexError.
    Index size(Index axis) const;
    Index numel() const { return body().storage->numel; }  ///< the number of elements

    /// The elements, row-major. Throws GradError inside a rule whose operation was recorded before their last change in place.
    const Scalar* data() const {
        Storage& storage = *body().storage;
        if (storage.changed_at.load(std::memory_order_relaxed) > detail::reading.since) [[unlikely]]
            detail::throw_changed_in_place();
        return storage.data();
    }
    /// The elements, row-major; throws as data().
    std::span<const Scalar> values() const { return {data(), static_cast<std::size_t>(numel())}; }

    /// A copy as an xtensor array.
    Array array() const {
        Array result = make_array<Scalar>(shape());
        std::copy_n(data(), numel(), result.data());
        return result;
    }

    /// The value of a tensor with one element. Throws ShapeError for more.
    Scalar item() const;

    /// One element; negative positions count from the end. Throws IndexError.
    template <std::integral... I>
    Scalar operator()(I... position) const {
        return at(Shape{static_cast<Index>(position)...});
    }
    /// The same at a position in a list. Throws IndexError.
    Scalar at(const Shape& position) const;

    /// @}
    /// @name Changes in place
    /// Not recorded, seen by every tensor that shares the value, detected by rules that needed the old one. All throw GradError for a
    /// tensor that requires grad while grad mode is on.
    /// @{

    Tensor& copy_(const Tensor& source);                ///< x = source; throws ShapeError unless the shapes are equal
    Tensor& fill_(Real value);                          ///< x = value
    Tensor& zero_() { return fill_(0); }                ///< x = 0
    Tensor& add_(const Tensor& other, Real alpha = 1);  ///< x = x + α other, of the same shape
    Tensor& mul_(Real factor);                          ///< x = factor x
    Scalar* mutable_data();                             ///< the elements, to be written; counts as one change

    /// @}
    /// @name Gradients
    /// @{

    bool requires_grad() const { return body_ && body_->node; }  ///< whether gradients flow to it
    /// Makes this a leaf that gathers a gradient, or stops it. Throws GradError for the result of a recorded operation.
    Tensor& requires_grad_(bool wanted = true);
    /// Whether no recorded operation made this tensor.
    bool is_leaf() const;
    /// What `backward` summed up here; undefined before, and for tensors that are neither leaves nor asked to retain_grad.
    Tensor grad() const;
    /// Replaces the gradient, by a copy if somebody else holds it; an undefined one clears it. Throws ShapeError, or GradError
    /// where no gradient can be kept.
    void set_grad(Tensor gradient);
    /// Clears the gradient; nothing happens where none can be.
    void zero_grad() {
        if (requires_grad()) set_grad({});
    }
    /// Keeps the gradient of an intermediate result too. Throws GradError if it requires none.
    Tensor& retain_grad();
    /// Calls `hook` with the gradient of this tensor in every sweep; returns a number for remove_hook. Throws GradError where no
    /// gradient comes, ValueError for no function.
    Index register_hook(GradientHook hook);
    /// Takes a hook away, by its number.
    void remove_hook(Index number);
    /// Names this tensor for those who look at the tape (study/); nothing depends on names.
    Tensor& set_name(std::string name);
    /// The name, empty if it has none.
    const std::string& name() const;
    /// The same value without its history; shares memory.
    Tensor detach() const;

    /// Sums dL/dx into the `.grad` of every leaf x that led to this tensor L.
    ///
    /// `seed` is dL/dL, of this tensor's shape; a tensor of one element needs none. Throws GradError if nothing was recorded, for
    /// a larger tensor without a seed, and for a graph that an earlier sweep has freed; ShapeError for a wrong seed.
    void backward(const Tensor& seed, BackwardOptions options) const;
    /// The same with the default options.
    template <std::convertible_to<Tensor> T>  // so that braces alone mean options
    void backward(const T& seed) const {
        backward(seed, BackwardOptions());
    }
    /// The same from a tensor of one element.
    void backward(BackwardOptions options = {}) const { backward(Tensor(), options); }

    /// @}
    /// @name For operations
    /// @{

    /// An uninitialised tensor, to be filled through `raw()`.
    static Tensor empty(const Shape& shape);
    /// A tensor over memory that another one shares.
    static Tensor over(Ref<Storage> storage, const Shape& shape) {
        Tensor result;
        result.body_ = Ref<detail::TensorBody>(new detail::TensorBody(std::move(storage), shape));
        return result;
    }
    /// The elements of a tensor under construction; unlike mutable_data, does not count as a change.
    Scalar* raw() { return body().storage->data(); }
    const Ref<Storage>& storage() const { return body().storage; }  ///< the memory of the value
    /// Of the operation that made it, or a leaf; null if no gradient is wanted.
    const Ref<Node>& node() const { return body().node; }
    void set_node(Ref<Node> node) { body().node = std::move(node); }  ///< makes it the result of an operation; `record` does it
    /// How many handles of this tensor there are; 0 for an undefined one.
    int count_handles() const { return body_ ? body_->owners.load(std::memory_order_relaxed) : 0; }
    /// Whether this is the only handle of the tensor; others may still share its memory.
    bool is_sole_handle() const { return body_ && body_.is_sole_owner(); }
    /// Whether nobody else can see the value.
    bool is_sole_owner() const { return body_ && body_.is_sole_owner() && body_->storage.is_sole_owner(); }
    /// What tells this tensor from all others that exist now.
    const void* identity() const { return body_.get(); }
    /// Whether both are handles of the same tensor.
    bool is(const Tensor& other) const { return body_ == other.body_; }

    /// @}

private:
    static Tensor full_of(const Shape& shape, Scalar value);
    static Tensor from_array(const Array& array) { return from_values({array.data(), array.size()}, shape_of(array)); }
    void check_may_change(const char* operation) const;
    detail::TensorBody& body() const {
        if (!body_) [[unlikely]]
            detail::throw_undefined();
        return *body_;
    }

    Ref<detail::TensorBody> body_;
};

/// Shape and values, as `tensor({{1, 2}, {3, 4}})`, long ones abbreviated.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace tapehead::inline TAPEHEAD_SCALAR
