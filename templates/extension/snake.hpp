// Snake, an activation that is periodic and still grows: the operation, and a layer that learns its frequencies.
#pragma once

#include <tapehead/tapehead.hpp>

namespace snake {

/// y = x + sin²(a x) / a: x [..., E], a [E] without zeros → [..., E]  (Ziyin, Hartwig and Ueda 2020)
///
/// Throws tapehead::ShapeError if a is not one number for each place of the last axis of x.
tapehead::Tensor snake(const tapehead::Tensor& x, const tapehead::Tensor& a);

/// Snake with a frequency of its own for each feature, all of which are learned.
struct Snake : tapehead::Layer {
    tapehead::Tensor frequency;  // [E]

    explicit Snake(tapehead::Index embed_dim, tapehead::Real start = 1);
    tapehead::Tensor forward(const tapehead::Tensor& x) const override { return snake(x, frequency); }  // [..., E] → [..., E]
    void visit(tapehead::Visitor& v) override { v("frequency", frequency); }
};

}  // namespace snake
