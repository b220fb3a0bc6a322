// The loops of plain.hpp.
#include <reliability/plain.hpp>

#include <algorithm>
#include <cmath>

namespace random_programs {

void kink(double distance) {
    branches.ways = branches.ways * 31 + (distance > 0 ? 2 : 1);
    branches.margin = std::min(branches.margin, std::abs(distance));
}

std::ptrdiff_t elements(const Extents& shape) {
    double n = 1;
    for (const auto extent : shape) n *= static_cast<double>(extent);
    if (n > 1e5) throw TooLarge("too many elements");
    return static_cast<std::ptrdiff_t>(n);
}

Plain::Plain(Extents extents, double value) : shape(std::move(extents)), v(static_cast<std::size_t>(elements(shape)), value) {}

double& Plain::at(const Position& position) {
    std::ptrdiff_t offset = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (position[i] < 0 || position[i] >= shape[i]) throw std::logic_error("reference reads outside");
        offset = offset * shape[i] + position[i];
    }
    return v[static_cast<std::size_t>(offset)];
}

void for_each_position(const Extents& shape, const std::function<void(const Position&)>& f) {
    Position position(shape.size(), 0);
    for (std::ptrdiff_t n = elements(shape); n > 0; --n) {
        f(position);
        for (std::size_t i = shape.size(); i-- > 0;) {
            if (++position[i] < shape[i]) break;
            position[i] = 0;
        }
    }
}

std::ptrdiff_t checked_axis(std::ptrdiff_t axis, std::ptrdiff_t rank) {
    require(-rank <= axis && axis < rank, "axis out of range");
    return axis < 0 ? axis + rank : axis;
}

std::vector<bool> checked_axes(const Integers& axes, std::ptrdiff_t rank) {
    std::vector<bool> named(static_cast<std::size_t>(rank), axes.empty());
    for (const auto axis : axes) {
        const auto i = static_cast<std::size_t>(checked_axis(axis, rank));
        require(!named[i], "axis named twice");
        named[i] = true;
    }
    return named;
}

Extents broadcast(const Extents& a, const Extents& b) {
    Extents result(std::max(a.size(), b.size()), 1);
    for (const Extents* x : {&a, &b})
        for (std::size_t i = 0; i < x->size(); ++i) {
            const auto extent = (*x)[x->size() - 1 - i];
            auto& whole = result[result.size() - 1 - i];
            require(whole == extent || whole == 1 || extent == 1, "shapes do not broadcast");
            if (whole == 1) whole = extent;
        }
    return result;
}

bool broadcasts(const Extents& from, const Extents& to) {
    if (from.size() > to.size()) return false;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto extent = from[from.size() - 1 - i];
        if (extent != 1 && extent != to[to.size() - 1 - i]) return false;
    }
    return true;
}

Position source(const Extents& from, const Position& position) {
    Position result(position.end() - static_cast<std::ptrdiff_t>(from.size()), position.end());
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] == 1) result[i] = 0;
    return result;
}

double read(const Plain& x, const Position& position) { return x.at(source(x.shape, position)); }

Plain map(const Plain& x, const std::function<double(double)>& f) {
    Plain y = x;
    for (double& element : y.v) element = f(element);
    return y;
}

Plain build(const Extents& shape, const std::function<double(const Position&)>& f) {
    Plain y(shape);
    std::size_t next = 0;
    for_each_position(shape, [&](const Position& p) { y.v[next++] = f(p); });
    return y;
}

Plain zip(const Plain& a, const Plain& b, const std::function<double(double, double)>& f) {
    return build(broadcast(a.shape, b.shape), [&](const Position& p) { return f(read(a, p), read(b, p)); });
}

Plain reduce(const Plain& x, const Integers& axes, bool keepdim, const std::function<double(const Numbers&)>& f) {
    const std::vector<bool> gone = checked_axes(axes, x.rank());
    Extents kept = x.shape, dropped;
    for (std::size_t i = 0; i < gone.size(); ++i)
        if (gone[i]) kept[i] = 1;
        else dropped.push_back(x.shape[i]);
    Plain lines(kept), y(kept);
    std::vector<Numbers> collected(y.v.size());
    for (std::size_t i = 0; i < lines.v.size(); ++i) lines.v[i] = static_cast<double>(i);
    for_each_position(x.shape,
                      [&](const Position& p) { collected[static_cast<std::size_t>(read(lines, p))].push_back(x.at(p)); });
    for (std::size_t i = 0; i < y.v.size(); ++i) y.v[i] = f(collected[i]);
    return keepdim ? y : reshaped(y, dropped);
}

Plain along(const Plain& x, std::ptrdiff_t axis, const std::function<Numbers(const Numbers&)>& f) {
    const auto a = static_cast<std::size_t>(checked_axis(axis, x.rank()));
    Extents lines = x.shape;
    lines[a] = 1;
    Plain y = x;
    for_each_position(lines, [&](Position p) {
        Numbers line;
        for (p[a] = 0; p[a] < x.shape[a]; ++p[a]) line.push_back(x.at(p));
        line = f(line);
        for (p[a] = 0; p[a] < x.shape[a]; ++p[a]) y.at(p) = line[static_cast<std::size_t>(p[a])];
    });
    return y;
}

Plain reshaped(const Plain& x, const Extents& shape) {
    require(elements(shape) == elements(x.shape), "another number of elements");
    Plain y = x;
    y.shape = shape;
    return y;
}

}  // namespace random_programs
