// Normalisation layers; see normalization.hpp.
#include <tapehead/layers/normalization.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/layers/init.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {
namespace {

void check_norm(const char* operation, const Shape& shape, Real eps) {
    const bool has_extents = !shape.empty() && *std::min_element(shape.begin(), shape.end()) > 0;
    check<ValueError>(has_extents && eps >= 0, "{}: expected extents of at least 1 and eps >= 0, got {} and {}", operation,
                      shape, eps);
}

}  // namespace

LayerNorm::LayerNorm(const Axes& normalized_shape, Real epsilon, bool affine, bool with_bias)
    : shape(normalized_shape), eps(epsilon) {
    check_norm("LayerNorm", shape, eps);
    if (affine) weight = init::ones_(make_parameter(shape));
    if (affine && with_bias) bias = init::zeros_(make_parameter(shape));
}

void LayerNorm::visit(Visitor& v) {
    v("weight", weight);
    v("bias", bias);
}

RMSNorm::RMSNorm(const Axes& normalized_shape, Real epsilon, bool affine) : shape(normalized_shape), eps(epsilon) {
    check_norm("RMSNorm", shape, eps);
    if (affine) weight = init::ones_(make_parameter(shape));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
