// A program outside the tree: everything that crosses the border between it and the library. Ends with status 0 if all is well.
//
// Arrays, exceptions both ways, layers and observers that are derived here, variables of a thread that both sides read, and what needs
// the libraries behind the library: zip, PCRE2, BLAS.
#include <iostream>
#include <typeinfo>

#include <xtensor/xarray.hpp>

#include <tapehead/tapehead.hpp>

using namespace tapehead;

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
    if (holds) return;
    ++failures;
    std::cout << "FAILED: " << what << "\n";
}

struct OwnError : Error {
    using Error::Error;
};

struct Doubling : Layer {
    Linear linear{4, 4};
    Tensor forward(const Tensor& x) const override { return 2 * linear(x); }
    void visit(Visitor& v) override { v("linear", linear); }
};

struct Counting : Observer {
    int operations = 0;
    void on_record(const RecordEvent&) override { ++operations; }
};

/// Whether f throws an E, as E, and as the bases that a program may catch.
template <class E, class F>
bool throws(F f) {
    int caught = 0;
    try {
        f();
    } catch (const E&) {
        ++caught;
    }
    try {
        f();
    } catch (const Error& error) {
        caught += typeid(error) == typeid(E);
    }
    try {
        f();
    } catch (const std::exception&) {
        ++caught;
    }
    return caught == 3;
}

void arrays() {
    xt::xarray<Scalar> points = xt::ones<Scalar>({7, 3});  // the allocator of this program's flags, not the library's
    points(2, 1) = 5;
    const Tensor x = points * 2;
    const Array back = x.array();
    expect(back(2, 1) == 10 && x(2, 1) == 10 && back.shape(0) == 7, "an xtensor array goes in and comes out");
    const Tensor product = matmul(x, transpose(x));
    expect(product(2, 2) == 4 + 100 + 4, "a matrix product is right");
}

void exceptions() {
    expect(throws<ShapeError>([] { matmul(ones({2, 3}), ones({2, 3})); }), "ShapeError is caught");
    expect(throws<FileError>([] { load_npz("/nowhere/at/all.npz"); }), "FileError is caught");
    expect(throws<OwnError>([] {
               checkpoint([](const Tensor&) -> Tensor { throw OwnError("from the outside"); }, ones({2}).requires_grad_());
           }),
           "an exception of the program passes through the library");
}

void state_of_the_thread() {
    const Tensor w = ones({2, 2}).requires_grad_();
    {
        const no_grad off;
        expect(!matmul(w, w).requires_grad(), "no_grad of the program holds in the library");
    }
    Counting counting;
    softmax(matmul(w, w));
    expect(counting.operations == 2, "an observer of the program sees the library's operations");
    manual_seed(3);
    const Tensor first = randn({4});
    manual_seed(3);
    expect(sum(abs(first - randn({4}))).item() == 0, "a seed gives the same numbers");
}

void layers() {
    Sequential net(Doubling(), Tanh(), Linear(4, 1));
    expect(net.num_parameters() == 4 * 4 + 4 + 4 + 1, "a layer of the program is visited");
    const Tensor x = randn({8, 4});
    Adam optimizer(net.named_parameters());
    const Real before = mean(square(net(x))).item();
    for (int step = 0; step < 50; ++step) {
        optimizer.zero_grad();
        mean(square(net(x))).backward();
        optimizer.step();
    }
    expect(mean(square(net(x))).item() < before, "a network with it learns");
    expect(type_name(Doubling()) == "Doubling", "its type has its name");
}

void files() {
    const NamedTensors saved{{"x", arange(6)}};
    save_npz("outside.npz", saved);
    expect(load_npz("outside.npz").at(0).tensor.numel() == 6, "an npz file is written and read");
    expect(gpt2_words("two words").size() == 2, "a text is cut into words");
}

}  // namespace

int main() {
    arrays();
    exceptions();
    state_of_the_thread();
    layers();
    files();
    const std::string numbers = std::to_string(TAPEHEAD_VERSION_MAJOR) + "." + std::to_string(TAPEHEAD_VERSION_MINOR) + "." +
                                std::to_string(TAPEHEAD_VERSION_PATCH);
    expect(numbers == version, "the version's macros and its constant agree");
    std::cout << (failures ? "not all is well" : "all is well") << " with " << sizeof(Scalar) << "-byte numbers\n";
    return failures ? 1 : 0;
}
