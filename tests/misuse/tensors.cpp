// Misuse of tensors, shapes and conditions, and of what makes them.
#include "misuse/misuse.hpp"

namespace testing {

Misuses misuses_of_tensors() {
    using T = Things;
    return {
        {"Shape", "nine axes", raises<ShapeError>("Shape", {"at most 8 axes", "[1, 2, 3, 4, 5, 6, 7, 8]", "9"}),
         [](T&) { Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}; }},
        {"Shape::numel", "extents whose product overflows",
         raises<ShapeError>("Shape", {"at most 17592186044416 elements", "[1099511627776, 1099511627776]"}),
         [](T&) {
             Shape{huge, huge}.numel();
         }},
        {"Shape::insert", "a position beyond the end", raises<IndexError>("Shape", {"[0, 2]", "3"}),
         [](T&) {
             Shape{1, 2}.insert(3, 1);
         }},
        {"Shape::insert", "a negative position", raises<IndexError>("Shape", {"[0, 2]", "-1"}),
         [](T&) {
             Shape{1, 2}.insert(-1, 1);
         }},
        {"Shape::erase", "a position at the end", raises<IndexError>("Shape", {"[0, 2)", "got 2"}),
         [](T&) {
             Shape{1, 2}.erase(2);
         }},
        {"Shape::slice", "axes in the wrong order", raises<IndexError>("Shape", {"[0, 2]", "[2, 1)"}),
         [](T&) {
             Shape{1, 2}.slice(2, 1);
         }},
        {"Shape::slice", "an axis too many", raises<IndexError>("Shape", {"[0, 2]", "[0, 3)"}),
         [](T&) {
             Shape{1, 2}.slice(0, 3);
         }},
        {"Axes", "nine axes", raises<ShapeError>("Shape", {"at most 8 axes"}), [](T&) { Axes{0, 1, 2, 3, 4, 5, 6, 7, 8}; }},
        {"make_array", "a negative extent", raises<ShapeError>("make_array", {"at least 0", "[2, -1]"}),
         [](T&) {
             make_array<Id>({2, -1});
         }},
        {"make_array", "extents whose product overflows", raises<ShapeError>("make_array", {"elements", "1099511627776"}),
         [](T&) {
             make_array<Id>({huge, huge});
         }},
        {"Condition", "a negative extent", raises<ShapeError>("Condition", {"at least 0", "[-1]"}),
         [](T&) { Condition(Shape{-1}); }},
        {"Condition", "extents whose product wraps to 0",
         raises<ShapeError>("Condition", {"elements", "[4294967296, 4294967296]"}),
         [](T&) {
             Condition(Shape{Index{1} << 32, Index{1} << 32});
         }},
        {"Condition::reshape", "another number of elements", raises<ShapeError>("reshape", {"6 elements", "[5]"}),
         [](T& t) { t.flags.reshape({5}); }},
        {"Condition::reshape", "two negative extents whose product is right",
         raises<ShapeError>("reshape", {"at least 0", "[-2, -3]"}),
         [](T& t) {
             t.flags.reshape({-2, -3});
         }},
        {"Condition::&", "shapes that do not broadcast", raises<ShapeError>("&", {"[2, 3]", "[2, 4]"}),
         [](T& t) { t.flags&(t.w > 0); }},
        {"Condition::|", "shapes that do not broadcast", raises<ShapeError>("|", {"[2, 3]", "[2, 4]"}),
         [](T& t) { t.flags | (t.w > 0); }},
        {"Tensor", "rows of different lengths", raises<ShapeError>("Tensor", {"one length", "got 2 and 1"}),
         [](T&) {
             Tensor{{1, 2}, {3}};
         }},
        {"Tensor", "a list beside a number", raises<ShapeError>("Tensor", {"one depth", "[2]"}),
         [](T&) {
             Tensor{1, {2}};
         }},
        {"Tensor", "nine nested lists", raises<ShapeError>("Shape", {"at most 8 axes"}),
         [](T&) {
             Tensor{{{{{{{{{1, 2}, {1, 2}}}}}}}}};
         }},
        {"Tensor::from_values", "another number of values", raises<ShapeError>("Tensor", {"6 values", "[2, 3]", "got 2"}),
         [](T&) {
             Tensor::from_values(std::vector<Scalar>{1, 2}, {2, 3});
         }},
        {"Tensor::from_values", "a shape whose product wraps to the number of values",
         raises<ShapeError>("Tensor", {"at most", "[8589934592, 8589934592]"}),
         [](T&) {
             Tensor::from_values(std::vector<Scalar>(4), {Index{1} << 33, Index{1} << 33});
         }},
        {"Tensor::from_values", "two negative extents", raises<ShapeError>("Tensor", {"at least 0", "[-1, -2]"}),
         [](T&) {
             Tensor::from_values(std::vector<Scalar>{1, 2}, {-1, -2});
         }},
        {"Tensor::empty", "a negative extent", raises<ShapeError>("Tensor", {"at least 0", "[3, -2]"}),
         [](T&) {
             Tensor::empty({3, -2});
         }},
        {"Tensor::empty", "more elements than memory has",
         raises<ShapeError>("Tensor", {"at most", "[1099511627776, 1099511627776]"}),
         [](T&) {
             Tensor::empty({huge, huge});
         }},
        {"Tensor::empty", "no elements, but distances that overflow",
         raises<ShapeError>("Tensor", {"at most", "[0, 1099511627776, 1099511627776]"}),
         [](T&) {
             Tensor::empty({0, huge, huge});
         }},
        {"Tensor::size", "an axis beyond the last", raises<IndexError>("size", {"[-2, 2)", "got 2"}),
         [](T& t) { t.x.size(2); }},
        {"Tensor::size", "the lowest of all axes", raises<IndexError>("size", {"[-2, 2)", "-9223372036854775808"}),
         [](T& t) { t.x.size(lowest); }},
        {"Tensor::size", "an axis of a scalar", raises<IndexError>("size", {"[0, 0)", "got 0"}),
         [](T& t) { t.scalar.size(0); }},
        {"Tensor::item", "several elements", raises<ShapeError>("item", {"one element", "[2, 3]"}), [](T& t) { t.x.item(); }},
        {"Tensor::item", "no element", raises<ShapeError>("item", {"one element", "[0, 3]"}), [](T& t) { t.nothing.item(); }},
        {"Tensor::operator()", "a position beyond the end", raises<IndexError>("at", {"[2, 3]", "[0, 3]"}),
         [](T& t) { t.x(0, 3); }},
        {"Tensor::operator()", "the lowest position", raises<IndexError>("at", {"[2, 3]", "-9223372036854775808"}),
         [](T& t) { t.x(0, lowest); }},
        {"Tensor::at", "too few positions", raises<IndexError>("at", {"[2, 3]", "[1]"}), [](T& t) { t.x.at({1}); }},
        {"Tensor::copy_", "a source of another shape", raises<ShapeError>("copy_", {"[2, 3]", "[2, 4]"}),
         [](T& t) { t.y.copy_(t.w); }},
        {"Tensor::copy_", "a leaf that requires grad", raises<GradError>("mutable_data", {"requires no grad", "[2, 3]"}),
         [](T& t) { t.x.copy_(t.y); }},
        {"Tensor::fill_", "a leaf that requires grad", raises<GradError>("mutable_data", {"requires no grad", "[2, 3]"}),
         [](T& t) { t.x.fill_(1); }},
        {"Tensor::zero_", "a leaf that requires grad", raises<GradError>("mutable_data", {"requires no grad"}),
         [](T& t) { t.x.zero_(); }},
        {"Tensor::add_", "another shape", raises<ShapeError>("add_", {"[2, 3]", "[3]"}), [](T& t) { t.y.add_(t.row); }},
        {"Tensor::add_", "a result of a recorded operation", raises<GradError>("mutable_data", {"requires no grad"}),
         [](T& t) { t.result.add_(t.y); }},
        {"Tensor::mul_", "a leaf that requires grad", raises<GradError>("mutable_data", {"requires no grad"}),
         [](T& t) { t.x.mul_(2); }},
        {"Tensor::mutable_data", "a leaf that requires grad", raises<GradError>("mutable_data", {"requires no grad"}),
         [](T& t) { t.x.mutable_data(); }},
        {"Tensor::requires_grad_", "a result of a recorded operation", raises<GradError>("requires_grad_", {"leaf", "'mul'"}),
         [](T& t) { t.result.requires_grad_(false); }},
        {"Tensor::set_grad", "a gradient of another shape", raises<ShapeError>("set_grad", {"[2, 3]", "[3]"}),
         [](T& t) { t.x.set_grad(t.row); }},
        {"Tensor::set_grad", "a tensor that requires none", raises<GradError>("set_grad", {"a leaf", "requires none"}),
         [](T& t) { t.y.set_grad(t.y); }},
        {"Tensor::set_grad", "a result that keeps none", raises<GradError>("set_grad", {"a leaf", "got a result"}),
         [](T& t) { t.result.set_grad(t.y); }},
        {"Tensor::set_grad", "an undefined tensor", raises<GradError>("set_grad", {"a leaf", "an undefined one"}),
         [](T& t) { t.none.set_grad(t.y); }},
        {"Tensor::retain_grad", "a tensor that requires none",
         raises<GradError>("retain_grad", {"requires grad", "requires none"}), [](T& t) { t.y.retain_grad(); }},
        {"Tensor::register_hook", "a tensor that requires none",
         raises<GradError>("register_hook", {"requires grad", "requires none"}),
         [](T& t) { t.y.register_hook([](const Tensor& g) { return g; }); }},
        {"Tensor::register_hook", "no function", raises<ValueError>("register_hook", {"a function", "got none"}),
         [](T& t) { t.x.register_hook({}); }},
        {"Tensor::remove_hook", "a tensor that requires none",
         raises<GradError>("remove_hook", {"requires grad", "requires none"}), [](T& t) { t.y.remove_hook(0); }},
        {"set_num_threads", "no thread", raises<ValueError>("set_num_threads", {"at least 1", "got 0"}),
         [](T&) { set_num_threads(0); }},
        {"set_num_threads", "fewer than none", raises<ValueError>("set_num_threads", {"at least 1", "got -1"}),
         [](T&) { set_num_threads(-1); }},
        {"set_num_threads", "the lowest number", raises<ValueError>("set_num_threads", {"at least 1", "-2147483648"}),
         [](T&) { set_num_threads(std::numeric_limits<int>::min()); }},
        {"Generator::take", "fewer numbers than none", raises<ValueError>("Generator", {"at least 0", "-1"}),
         [](T& t) { t.generator.take(-1); }},
    };
}

}  // namespace testing
