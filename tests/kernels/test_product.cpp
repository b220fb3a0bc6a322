// The products of the kernel tables, on every instruction set that this processor runs: around the limits of their blocks, with
// every form of what is added, in memory that ends with the last number.
#include <kernels/tables.hpp>

using namespace testing;
using kernels::Product;
using kernels::Simd;

namespace {

/// What is added to the product.
enum class Added { nothing, itself, row, matrix };
constexpr Added all_added[] = {Added::nothing, Added::itself, Added::row, Added::matrix};

struct Memory {
    Guarded a, b, c, d;
    explicit Memory(Index each) : a(each), b(each), c(each), d(each) {}
};

struct Way {
    bool large, a_transposed, b_transposed;
    Added added;
};

/// Where the product by a kernel is not α A B + D, or "".
std::string wrong_product(const Simd& table, const Factors& f, const Way& way, Index gap, Memory& memory) {
    const Scalar alpha = static_cast<Scalar>(way.added == Added::row ? 1 : -0.5);
    const Matrix a = way.a_transposed ? Matrix(f.k, f.m, gap, memory.a).fill([&](Index l, Index i) { return f.left(i, l); })
                                      : Matrix(f.m, f.k, gap, memory.a).fill([&](Index i, Index l) { return f.left(i, l); });
    const Matrix b = way.b_transposed ? Matrix(f.n, f.k, gap, memory.b).fill([&](Index j, Index l) { return f.right(l, j); })
                                      : Matrix(f.k, f.n, gap, memory.b).fill([&](Index l, Index j) { return f.right(l, j); });
    const Matrix c(f.m, f.n, gap, memory.c);  // NaN: only what is added may be read
    const auto addend = [&](Index i, Index j) {
        if (way.added == Added::nothing) return Scalar{0};
        return way.added == Added::row ? whole_number(3 * j + 1) : whole_number(2 * i + 7 * j);
    };
    Product p{.m = f.m,
              .n = f.n,
              .k = f.k,
              .a_row = way.a_transposed ? 1 : a.distance(),
              .a_column = way.a_transposed ? a.distance() : 1,
              .b_row = way.b_transposed ? 1 : b.distance(),
              .c_row = c.distance(),
              .alpha = alpha};
    const Matrix d(way.added == Added::row ? 1 : f.m, f.n, gap + 2, memory.d);
    if (way.added == Added::itself) {
        c.fill(addend);
        p.d = c.data();
        p.d_row = c.distance();
    } else if (way.added != Added::nothing) {
        d.fill(addend);
        p.d = d.data();
        p.d_row = way.added == Added::row ? 0 : d.distance();
    }
    if (way.large) {
        std::vector<Scalar> room(kernels::large_product_room, static_cast<Scalar>(NAN));
        table.large_product(p, way.b_transposed ? b.distance() : 1, a.data(), b.data(), c.data(), room.data());
    } else table.small_product(p, a.data(), b.data(), c.data());
    return difference(c, f.m, f.n, [&](Index i, Index j) { return alpha * f.at(i, j) + addend(i, j); });
}

void check_product(const Simd& table, const Factors& f, const Way& way, Index gap, Memory& memory) {
    const std::string wrong = wrong_product(table, f, way, gap, memory);
    if (wrong.empty()) return;
    INFO(table.name << ", m " << f.m << ", n " << f.n << ", k " << f.k << ", gap " << gap << ", A transposed "
                    << way.a_transposed << ", B transposed " << way.b_transposed << ", added " << static_cast<int>(way.added)
                    << ": " << wrong);
    CHECK(wrong.empty());
}

}  // namespace

TEST_CASE("small products of every extent around the registers are exact on every instruction set") {
    Memory memory(1 << 14);
    const std::vector<const Simd*> tables = simd_tables();
    CHECK(std::string(tables[0]->name) == "baseline");
    for (Index m = 0; m <= 18; ++m)
        for (Index n = 0; n <= 67; n += n < 36 ? 1 : 3)
            for (const Index k : {0, 1, 5}) {
                const Factors f(m, n, k);
                for (const Simd* table : tables)
                    for (const bool a_transposed : {false, true})
                        for (const Added added : all_added)
                            check_product(*table, f, {false, a_transposed, false, added}, (m + n) % 4, memory);
            }
}

TEST_CASE("large products of extents around the limits of their blocks are exact on every instruction set") {
    Memory memory(1 << 21);
    std::vector<Shape> extents = {{1, 1, 1}, {9, 33, 1}, {130, 514, 258}, {257, 1030, 2}, {2, 3, 770}};
    for (const Index m : {1, 3, 7, 8, 9, 15, 16, 17, 127, 128, 129, 136, 255, 256, 257}) extents.push_back({m, 35, 5});
    for (const Index n : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 512, 513, 520, 544, 545})
        extents.push_back({9, n, 6});
    for (const Index k : {1, 2, 3, 15, 16, 17, 31, 32, 33, 255, 256, 257, 511, 512, 513}) extents.push_back({11, 34, k});
    for (const Shape& e : extents) {
        const Factors f(e[0], e[1], e[2]);
        for (const Simd* table : simd_tables())
            for (const bool a_transposed : {false, true})
                for (const bool b_transposed : {false, true})
                    for (const Added added : all_added)
                        check_product(*table, f, {true, a_transposed, b_transposed, added}, e[0] % 2 ? 3 : 0, memory);
    }
}

TEST_CASE("an infinity or NaN in one row and one column spoils no other element of a product") {
    Memory memory(1 << 16);
    for (const Simd* table : simd_tables())
        for (const bool large : {false, true}) {
            const Index m = 11, n = 37, k = 260;
            const Matrix a(m, k, 1, memory.a), b(k, n, 1, memory.b), c(m, n, 1, memory.c);
            a.fill([](Index i, Index l) { return i == 9 && l == 3 ? static_cast<Scalar>(INFINITY) : Scalar{1}; });
            b.fill([](Index l, Index j) { return j == 36 && l == 258 ? static_cast<Scalar>(NAN) : Scalar{1}; });
            const Product p{.m = m, .n = n, .k = k, .a_row = k + 1, .a_column = 1, .b_row = n + 1, .c_row = n + 1};
            std::vector<Scalar> room(kernels::large_product_room);
            if (large) table->large_product(p, 1, a.data(), b.data(), c.data(), room.data());
            else table->small_product(p, a.data(), b.data(), c.data());
            for (Index i = 0; i < m; ++i)
                for (Index j = 0; j < n; ++j)
                    if (j == 36) CHECK(std::isnan(c(i, j)));
                    else CHECK(c(i, j) == (i == 9 ? static_cast<Scalar>(INFINITY) : Scalar{k}));
        }
}

TEST_CASE("transposing matrices of every extent moves each number to its place and nothing else") {
    Guarded from(1 << 14), to(1 << 14);
    for (const Simd* table : simd_tables())
        for (Index rows = 0; rows <= 35; ++rows)
            for (Index columns = 0; columns <= 35; columns += columns < 20 ? 1 : 4)
                for (const Index gap : {0, 3}) {
                    const Matrix x(rows, columns, gap, from), y(columns, rows, 2 * gap, to);
                    x.fill([](Index i, Index j) { return static_cast<Scalar>(100 * i + j); });
                    table->transpose(x.data(), x.distance(), y.data(), y.distance(), rows, columns);
                    const std::string wrong =
                        difference(y, columns, rows, [](Index j, Index i) { return static_cast<Scalar>(100 * i + j); });
                    if (wrong.empty()) continue;
                    INFO(table->name << ", " << rows << " rows, " << columns << " columns, gap " << gap << ": " << wrong);
                    CHECK(wrong.empty());
                }
}

TEST_CASE("dot products of rows that lie apart are exact for every length") {
    Guarded left(1 << 14), right(1 << 14), result(16);
    for (const Simd* table : simd_tables())
        for (const Index rows : {0, 1, 5})
            for (Index n = 0; n <= 140; ++n) {
                const Matrix x(rows, n, 3, left), y(rows, n, 5, right);
                x.fill([](Index i, Index j) { return whole_number(11 * i + j); });
                y.fill([](Index i, Index j) { return whole_number(i + 3 * j); });
                Scalar* dots = result.last(rows);
                std::fill_n(dots, rows, static_cast<Scalar>(NAN));
                table->row_dots(x.data(), x.distance(), y.data(), y.distance(), dots, rows, n);
                for (Index i = 0; i < rows; ++i) {
                    Scalar expected = 0;
                    for (Index j = 0; j < n; ++j) expected += x(i, j) * y(i, j);
                    if (dots[i] == expected) continue;
                    INFO(table->name << ", row " << i << " of " << rows << ", length " << n);
                    CHECK(dots[i] == expected);
                }
            }
}
