// Matrices of doubles with plain loops: arithmetic as it would be done by hand, beside the library's. Knows nothing of tensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <tapehead/study/terminal.hpp>

namespace examples {

/// Rows of numbers.
struct Matrix {
    std::size_t rows = 0, columns = 0;
    std::vector<double> values;  // row-major

    Matrix() = default;
    Matrix(std::size_t m, std::size_t n) : rows(m), columns(n), values(m * n) {}
    double& operator()(std::size_t i, std::size_t j) { return values[i * columns + j]; }
    double operator()(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
};

/// The matrix with the elements f(i, j).
template <class F>
Matrix matrix_of(std::size_t rows, std::size_t columns, const F& f) {
    Matrix result(rows, columns);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) result(i, j) = f(i, j);
    return result;
}

inline Matrix transposed(const Matrix& a) {
    return matrix_of(a.columns, a.rows, [&](std::size_t i, std::size_t j) { return a(j, i); });
}

/// A B
inline Matrix times(const Matrix& a, const Matrix& b) {
    return matrix_of(a.rows, b.columns, [&](std::size_t i, std::size_t j) {
        double sum = 0;
        for (std::size_t k = 0; k < a.columns; ++k) sum += a(i, k) * b(k, j);
        return sum;
    });
}

/// A + B
inline Matrix plus(const Matrix& a, const Matrix& b) {
    return matrix_of(a.rows, a.columns, [&](std::size_t i, std::size_t j) { return a(i, j) + b(i, j); });
}

/// c A
inline Matrix scaled(double c, const Matrix& a) {
    return matrix_of(a.rows, a.columns, [&](std::size_t i, std::size_t j) { return c * a(i, j); });
}

/// The sums of the columns, as one row.
inline Matrix column_sums(const Matrix& a) {
    Matrix sums(1, a.columns);
    for (std::size_t i = 0; i < a.rows; ++i)
        for (std::size_t j = 0; j < a.columns; ++j) sums(0, j) += a(i, j);
    return sums;
}

/// Each row of exp(s) divided by its sum, shifted by the largest for safety.
inline Matrix softmax_of(const Matrix& s) {
    Matrix p = s;
    for (std::size_t i = 0; i < s.rows; ++i) {
        double largest = -INFINITY, sum = 0;
        for (std::size_t j = 0; j < s.columns; ++j) largest = std::max(largest, s(i, j));
        for (std::size_t j = 0; j < s.columns; ++j) sum += p(i, j) = std::exp(s(i, j) - largest);
        for (std::size_t j = 0; j < s.columns; ++j) p(i, j) /= sum;
    }
    return p;
}

/// dS of one row from dP: J dp with the Jacobian J = diag(p) − p pᵀ.
inline Matrix through_softmax(const Matrix& p, const Matrix& dp) {
    return matrix_of(p.rows, p.columns, [&](std::size_t i, std::size_t j) {
        double sum = 0;
        for (std::size_t k = 0; k < p.columns; ++k) sum += ((j == k ? p(i, j) : 0) - p(i, j) * p(i, k)) * dp(i, k);
        return sum;
    });
}

/// The largest difference of two elements; infinite for matrices of different extents.
inline double difference(const Matrix& a, const Matrix& b) {
    if (a.rows != b.rows || a.columns != b.columns) return INFINITY;
    double largest = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i) {
        const double apart = std::abs(a.values[i] - b.values[i]);
        if (a.values[i] != b.values[i]) largest = std::isnan(apart) ? INFINITY : std::max(largest, apart);
    }
    return largest;
}

/// A number in 8 columns.
inline std::string cell(double x) {
    if (std::isinf(x)) return x > 0 ? "       ∞" : "      -∞";
    return fmt::format("{:8.4f}", x == 0 ? 0.0 : x);
}

/// Matrices of as many rows side by side, with a label before each row.
inline std::string side_by_side(const std::vector<Matrix>& parts, const std::vector<std::string>& labels) {
    std::string text;
    for (std::size_t i = 0; i < parts[0].rows; ++i) {
        text += tapehead::study::align_right(i < labels.size() && parts[0].rows == labels.size() ? labels[i] : "", 8) + " ";
        for (const Matrix& part : parts) {
            for (std::size_t j = 0; j < part.columns; ++j) text += cell(part(i, j));
            text += "   ";
        }
        text.erase(text.find_last_not_of(' ') + 1);
        text += "\n";
    }
    return text;
}

/// Prints steps, and remembers how far hand and tape are apart.
class Report {
public:
    /// Rows that are as many as the labels have these.
    explicit Report(std::vector<std::string> labels) : labels_(std::move(labels)) {}

    void step(const std::string& title, const std::string& formula, const std::vector<Matrix>& parts) const {
        fmt::print("\n{:<34}{}\n{}", title, formula, side_by_side(parts, labels_));
    }
    /// The same, compared with the tape.
    void compare(const std::string& title, const std::string& formula, const std::vector<Matrix>& hand,
                 const std::vector<Matrix>& tape) {
        double apart = 0;
        for (std::size_t i = 0; i < hand.size(); ++i) apart = std::max(apart, difference(hand[i], tape[i]));
        step(title, formula, hand);
        fmt::print("{:>8} the tape differs by {:.1e}\n", "", apart);
        largest_ = std::max(largest_, apart);
        ++count_;
    }
    double largest() const { return largest_; }
    int count() const { return count_; }

private:
    std::vector<std::string> labels_;
    double largest_ = 0;
    int count_ = 0;
};

}  // namespace examples
