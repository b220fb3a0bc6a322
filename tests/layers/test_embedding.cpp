// Embedding: rows by id, their gradients, and the padding row.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("an embedding reads rows of its table, for ids of any shape") {
    manual_seed(1);
    const Embedding embedding(4, 2);
    const Tensor table = embedding.weight.detach();
    const Tensor y = embedding(Ids{{3, 0, 3}, {1, 1, 2}});
    CHECK(y.shape() == Shape{2, 3, 2});
    for (Index e = 0; e < 2; ++e) {
        CHECK(y(0, 0, e) == table(3, e));
        CHECK(y(0, 2, e) == table(3, e));
        CHECK(y(1, 2, e) == table(2, e));
    }
    CHECK_THROWS_AS(embedding(Ids{4}), IndexError);
    CHECK_THROWS_AS(embedding(Ids{-1}), IndexError);
}

TEST_CASE("A13: rows of an embedding read several times sum their gradients") {
    const Embedding embedding(4, 2);
    embedding(Ids{1, 1, 3}).backward(Tensor{{1, 2}, {10, 20}, {5, 5}});
    check_close(embedding.weight.grad(), Tensor{{0, 0}, {11, 22}, {0, 0}, {5, 5}}, 0);
}

TEST_CASE("N4: a padding row starts as 0, is read as it is stored, and gets no gradient") {
    manual_seed(1);
    Embedding embedding(3, 2, 0);
    check_close(slice(embedding.weight.detach(), 0, 0, 1), zeros({1, 2}), 0);
    CHECK(static_cast<double>(amin(abs(slice(embedding.weight.detach(), 0, 1))).item()) > 0);
    embedding.load_state_dict({{"weight", Tensor{{9, 9}, {1, 2}, {3, 4}}}});
    const Tensor y = embedding(Ids{0, 1, 0});
    check_close(y.detach(), Tensor{{9, 9}, {1, 2}, {9, 9}}, 0);
    y.backward(ones({3, 2}));
    check_close(embedding.weight.grad(), Tensor{{0, 0}, {1, 1}, {0, 0}}, 0);
}

TEST_CASE("an embedding starts as N(0, 1) and refuses sizes and padding ids that do not fit") {
    manual_seed(2);
    const Embedding embedding(100, 100);
    CHECK(static_cast<double>(tapehead::std(embedding.weight).item()) == Approx(1).epsilon(0.03));
    CHECK(std::abs(static_cast<double>(mean(embedding.weight).item())) < 0.05);
    CHECK_THROWS_AS(Embedding(0, 2), ValueError);
    CHECK_THROWS_AS(Embedding(2, 0), ValueError);
    CHECK_THROWS_AS(Embedding(3, 2, 3), ValueError);
    CHECK_THROWS_AS(Embedding(3, 2, -1), ValueError);
    CHECK_NOTHROW(Embedding(3, 2, 2));
}

TEST_CASE("N4: weight decay shrinks the padding row too, as it does every parameter") {
    Embedding embedding(3, 2, 0);
    embedding.load_state_dict({{"weight", Tensor{{9, 9}, {1, 2}, {3, 4}}}});
    AdamW optimizer(embedding.named_parameters(), {.lr = 0.1, .weight_decay = 0.1});
    sum(embedding(Ids{0, 1, 0})).backward();
    optimizer.step();
    check_close(slice(embedding.weight.detach(), 0, 0, 1), Tensor{{8.91, 8.91}}, is_f64 ? 1e-12 : 1e-6);
    check_close(slice(embedding.weight.detach(), 0, 2, 3), Tensor{{2.97, 3.96}}, is_f64 ? 1e-12 : 1e-6);
}
