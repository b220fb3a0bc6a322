// Initialisation; see init.hpp.
#include <tapehead/layers/init.hpp>

#include <cmath>

#include <tapehead/autograd/check.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::init {
namespace {

struct Fans {
    Real in, out;
};

/// The fans of a weight, of which an empty one has 1: there is nothing to fill. Checks the gain that they are for.
Fans fans(const char* operation, const Tensor& x, Real gain) {
    check<ShapeError>(x.dim() >= 2, "{}: expected at least 2 axes, got shape {}", operation, x.shape());
    check<ValueError>(gain >= 0 && std::isfinite(gain), "{}: expected a finite gain of at least 0, got {}", operation, gain);
    const auto field = static_cast<Real>(x.shape().slice(2, x.dim()).numel());
    if (x.numel() == 0) return {1, 1};
    return {static_cast<Real>(x.size(1)) * field, static_cast<Real>(x.size(0)) * field};
}

void check_normal(const char* operation, Real mean, Real std) {
    check<ValueError>(std::isfinite(mean) && std >= 0 && std::isfinite(std),
                      "{}: expected a finite mean and a finite std >= 0, got {} and {}", operation, mean, std);
}

}  // namespace

Tensor constant_(Tensor x, Real value) {
    const no_grad off;
    return x.fill_(value);
}

Tensor zeros_(Tensor x) { return constant_(std::move(x), 0); }
Tensor ones_(Tensor x) { return constant_(std::move(x), 1); }

Tensor uniform_(Tensor x, Real low, Real high, Generator& generator) {
    check<ValueError>(low <= high && std::isfinite(low) && std::isfinite(high),
                      "uniform_: expected finite low <= high, got {} and {}", low, high);
    const no_grad off;
    kernels::fill_uniform(generator.take(x.numel()), static_cast<Scalar>(low), static_cast<Scalar>(high), x.mutable_data(),
                          x.numel());
    return x;
}

Tensor normal_(Tensor x, Real mean, Real std, Generator& generator) {
    check_normal("normal_", mean, std);
    const no_grad off;
    kernels::fill_normal(generator.take(x.numel()), static_cast<Scalar>(mean), static_cast<Scalar>(std), x.mutable_data(),
                         x.numel());
    return x;
}

// Draws z from N(0, 1), again outside ±2, and then scales: mean + std z may round to the mean, whose distance says nothing.
Tensor trunc_normal_(Tensor x, Real mean, Real std, Generator& generator) {
    check_normal("trunc_normal_", mean, std);
    normal_(x, 0, 1, generator);
    const no_grad off;
    Scalar* values = x.mutable_data();
    for (Index i = 0; i < x.numel(); ++i) {
        while (std::abs(values[i]) > 2) kernels::fill_normal(generator.take(1), 0, 1, values + i, 1);
        values[i] = static_cast<Scalar>(mean + std * static_cast<Real>(values[i]));
    }
    return x;
}

Tensor xavier_uniform_(Tensor x, Real gain, Generator& generator) {
    const Fans fan = fans("xavier_uniform_", x, gain);
    const Real bound = gain * std::sqrt(6 / (fan.in + fan.out));
    return uniform_(std::move(x), -bound, bound, generator);
}

Tensor xavier_normal_(Tensor x, Real gain, Generator& generator) {
    const Fans fan = fans("xavier_normal_", x, gain);
    return normal_(std::move(x), 0, gain * std::sqrt(2 / (fan.in + fan.out)), generator);
}

Tensor kaiming_uniform_(Tensor x, Real gain, Generator& generator) {
    const Real bound = gain * std::sqrt(3 / fans("kaiming_uniform_", x, gain).in);
    return uniform_(std::move(x), -bound, bound, generator);
}

Tensor kaiming_normal_(Tensor x, Real gain, Generator& generator) {
    const Real std = gain / std::sqrt(fans("kaiming_normal_", x, gain).in);
    return normal_(std::move(x), 0, std, generator);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::init
