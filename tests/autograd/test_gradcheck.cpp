// gradcheck finds right rules right and wrong rules wrong.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("gradcheck accepts a right rule and rejects a wrong one, naming the worst entry") {
    if (!is_f64) return;
    const Tensor x = leaf(Tensor{0.3, -0.7, 1.1});
    CHECK(gradcheck([](const auto& in) { return tanh(in[0]); }, {x}));
    CHECK(gradgradcheck([](const auto& in) { return tanh(in[0]); }, {x}));

    const auto wrong = [](const std::vector<Tensor>& in) {
        return record("wrong", square(in[0].detach()), wrt(in[0], [x = in[0]](const Tensor& dy) { return 3 * dy * x; }));
    };
    const GradcheckReport report = gradcheck(wrong, {x});
    CHECK_FALSE(report);
    CHECK(report.entries == 3);
    CHECK(report.message().find("FAILED") != std::string::npos);
}
