// A user's program, compiled with other flags than the library: arrays go in and out, a step is trained.
#include <cstdlib>
#include <iostream>

#include <xtensor/xarray.hpp>

#include <tapehead/tapehead.hpp>

int main() {
    using namespace tapehead;
    xt::xarray<Scalar> points = xt::ones<Scalar>({7, 3});  // the allocator of this program's flags, not the library's
    points(2, 1) = 5;
    const Tensor x = points * 2;
    const Array back = x.array();
    if (back(2, 1) != 10 || x(2, 1) != 10) return EXIT_FAILURE;

    Linear layer(3, 2);
    const Tensor loss = sum(square(gelu(layer(x))));
    loss.backward();
    const Tensor before = norm(layer.weight.grad());
    if (!(before.item() > 0)) return EXIT_FAILURE;
    std::cout << "ran with a gradient of norm " << before.item() << "\n";
}
