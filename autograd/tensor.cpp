// Tensor: construction, changes in place, and what belongs to its gradient; see tensor.hpp. The sweep is in sweep.cpp.
#include <tapehead/autograd/tensor.hpp>

#include <ostream>

#include <xtensor/xadapt.hpp>
#include <xtensor/xio.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/autograd/kernels/simd.hpp>
#include <tapehead/autograd/tape.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

/// The shape of nested lists, going by the first element of each level.
Shape shape_of_list(std::initializer_list<detail::Nested> list) {
    Shape shape{static_cast<Index>(list.size())};
    if (list.size() == 0 || !list.begin()->is_list) return shape;
    for (const Index extent : shape_of_list(list.begin()->list)) shape.push_back(extent);
    return shape;
}

/// Copies nested lists of the given shape (from `axis` on) to `next`, which it moves on.
void copy_list(std::initializer_list<detail::Nested> list, const Shape& shape, Index axis, Scalar*& next) {
    check<ShapeError>(static_cast<Index>(list.size()) == shape[axis], "Tensor: expected rows of one length, got {} and {}",
                      shape[axis], list.size());
    for (const detail::Nested& element : list) {
        check<ShapeError>(element.is_list == (axis + 1 < shape.rank()),
                          "Tensor: expected numbers and lists at one depth each, got both in shape {}", shape);
        if (element.is_list) copy_list(element.list, shape, axis + 1, next);
        else *next++ = element.value;
    }
}

/// What a tensor is that should gather a gradient.
const char* what_it_is(const Tensor& x) {
    return !x ? "an undefined one" : !x.requires_grad() ? "one that requires none" : x.is_leaf() ? "a leaf" : "a result";
}

}  // namespace

namespace detail {

TensorBody::TensorBody(Ref<Storage> values, const Shape& extents) : storage(std::move(values)), shape(extents) {
    memory::count_tensors(1);
}

TensorBody::~TensorBody() { memory::count_tensors(-1); }

void TensorBody::Forget::operator()(const std::string* forgotten) const { delete forgotten; }

void throw_changed_in_place() {
    throw GradError(
        fmt::format("backward of {}: expected the values of the forward pass, got some that were changed in place "
                    "after it",
                    reading.operation));
}

}  // namespace detail

void detail::throw_undefined() { throw ValueError("Tensor: expected a defined tensor, got an undefined one"); }

// Construction

Tensor Tensor::empty(const Shape& shape) { return over(Storage::make(checked_numel("Tensor", shape)), shape); }

Tensor Tensor::full_of(const Shape& shape, Scalar value) {
    Tensor result = empty(shape);
    kernels::simd().fill(value, result.raw(), result.numel());
    return result;
}

Tensor Tensor::from_values(std::span<const Scalar> values, const Shape& shape) {
    const Index elements = checked_numel("Tensor", shape);
    check<ShapeError>(std::ssize(values) == elements, "Tensor: expected {} values for shape {}, got {}", elements, shape,
                      values.size());
    Tensor result = empty(shape);
    std::copy(values.begin(), values.end(), result.raw());
    return result;
}

Tensor::Tensor(std::initializer_list<detail::Nested> list) : Tensor(empty(shape_of_list(list))) {
    Scalar* next = raw();
    copy_list(list, shape(), 0, next);
}

// The value

Index Tensor::size(Index axis) const { return shape()[normalize_axis("size", axis, dim())]; }

Scalar Tensor::item() const {
    check<ShapeError>(numel() == 1, "item: expected one element, got shape {}", shape());
    return data()[0];
}

Scalar Tensor::at(const Shape& position) const {
    check<IndexError>(position.rank() == dim(), "at: expected a position in shape {}, got {}", shape(), position);
    Index offset = 0;
    for (Index axis = 0; axis < dim(); ++axis) {
        const Index n = shape()[axis], i = position[axis];
        check<IndexError>(-n <= i && i < n, "at: expected a position in shape {}, got {}", shape(), position);
        offset = offset * n + (i < 0 ? i + n : i);
    }
    return data()[offset];
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
    if (!tensor) return out << "tensor(undefined)";
    const std::vector<std::size_t> shape(tensor.shape().begin(), tensor.shape().end());
    out << "tensor(" << xt::adapt(tensor.data(), static_cast<std::size_t>(tensor.numel()), xt::no_ownership(), shape);
    if (tensor.requires_grad())
        out << (tensor.is_leaf() ? ", requires_grad" : ", from ") << (tensor.is_leaf() ? "" : tensor.node()->operation.name);
    return out << ")";
}

// Changes in place

void Tensor::check_may_change(const char* operation) const {
    if (!requires_grad() || !grad_enabled()) return;
    throw GradError(
        fmt::format("{}: expected a tensor that requires no grad, or grad mode off, got one that requires grad of shape {}; a "
                    "change in place is not recorded",
                    operation, shape()));
}

Scalar* Tensor::mutable_data() {
    check_may_change("mutable_data");
    // A rule may change what it is making: such a change is as old as the rule's operation.
    const bool in_rule = detail::reading.since != UINT64_MAX;
    body().storage->changed_at.store(in_rule ? detail::reading.since : tick(), std::memory_order_relaxed);
    return body().storage->data();
}

Tensor& Tensor::copy_(const Tensor& source) {
    check<ShapeError>(source.shape() == shape(), "copy_: expected shape {}, got {}", shape(), source.shape());
    if (source.storage() == storage()) return *this;
    std::copy_n(source.data(), numel(), mutable_data());
    return *this;
}

Tensor& Tensor::fill_(Real value) {
    kernels::simd().fill(static_cast<Scalar>(value), mutable_data(), numel());
    return *this;
}

Tensor& Tensor::add_(const Tensor& other, Real alpha) {
    check<ShapeError>(other.shape() == shape(), "add_: expected shape {}, got {}", shape(), other.shape());
    kernels::simd().axpy(static_cast<Scalar>(alpha), other.data(), mutable_data(), numel());
    return *this;
}

Tensor& Tensor::mul_(Real factor) {
    Scalar* x = mutable_data();
    kernels::simd().unary(kernels::Unary::affine, static_cast<Scalar>(factor), 0, x, x, numel());
    return *this;
}

// Gradients

bool Tensor::is_leaf() const { return !body().node || body().node->is_leaf(); }

Tensor& Tensor::requires_grad_(bool wanted) {
    check<GradError>(is_leaf(), "requires_grad_: expected a leaf, got the result of '{}'; detach() it first",
                     is_leaf() ? "" : node()->operation.name);
    if (wanted && !requires_grad()) {
        set_node(Ref<Node>(new Leaf(shape())));
        if (!name().empty()) node()->keepsakes().name = name();
    }
    if (!wanted) set_node({});
    return *this;
}

Tensor& Tensor::set_name(std::string name) {
    decltype(body_->name) kept(new std::string(name));
    if (body().node) node()->keepsakes().name = std::move(name);
    body_->name = std::move(kept);
    return *this;
}

const std::string& Tensor::name() const {
    static const std::string none;
    return body().name ? *body().name : none;
}

Tensor Tensor::grad() const {
    const Keepsakes* keepsakes = requires_grad() ? node()->find_keepsakes() : nullptr;
    return keepsakes ? keepsakes->gradient : Tensor();
}

void Tensor::set_grad(Tensor gradient) {
    const Keepsakes* keepsakes = requires_grad() ? node()->find_keepsakes() : nullptr;
    check<GradError>(keepsakes && keepsakes->keeps_gradient,
                     "set_grad: expected a leaf that requires grad, or retain_grad(), got {}", what_it_is(*this));
    check<ShapeError>(!gradient || gradient.shape() == shape(), "set_grad: expected shape {}, got {}", shape(),
                      gradient ? gradient.shape() : Shape());
    const bool may_take = !gradient || gradient.is_sole_owner();
    node()->keepsakes().gradient = may_take ? std::move(gradient) : from_values(gradient.values(), gradient.shape());
}

Tensor& Tensor::retain_grad() {
    check<GradError>(requires_grad(), "retain_grad: expected a tensor that requires grad, got {}", what_it_is(*this));
    node()->keepsakes().keeps_gradient = true;
    return *this;
}

Index Tensor::register_hook(GradientHook hook) {
    check<GradError>(requires_grad(), "register_hook: expected a tensor that requires grad, got {}", what_it_is(*this));
    check<ValueError>(static_cast<bool>(hook), "register_hook: expected a function, got none");
    Keepsakes& keepsakes = node()->keepsakes();
    keepsakes.hooks.emplace_back(keepsakes.next_hook, std::move(hook));
    return keepsakes.next_hook++;
}

void Tensor::remove_hook(Index number) {
    check<GradError>(requires_grad(), "remove_hook: expected a tensor that requires grad, got {}", what_it_is(*this));
    std::erase_if(node()->keepsakes().hooks, [&](const auto& entry) { return entry.first == number; });
}

Tensor Tensor::detach() const { return over(storage(), shape()); }

}  // namespace tapehead::inline TAPEHEAD_SCALAR
