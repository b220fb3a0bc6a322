// Scaled dot-product attention with masks of every kind, in its four forms.
#include <reliability/chooser.hpp>
#include <support/philox.hpp>

#include <cmath>

namespace random_programs {
namespace {

using tapehead::AttentionMask;
using tapehead::AttentionOptions;

enum class Form { output, first, weights, steps };

/// The masks that can be part of one: causal, causal with an offset, window, allow, keys, lengths, bias, alibi.
enum Part : std::ptrdiff_t { causal, offset, window, allow, keys, lengths, bias, alibi, parts };

// The lists of a line.
constexpr std::size_t layout = 0;    // whether time is first, whether it is a training, the seed of the dropout, keys to use
constexpr std::size_t has_part = 1;  // a flag for each part
constexpr std::size_t bounds = 2;    // the offset, left, right
constexpr std::size_t allowed = 3;   // flags [Tq, Tk] or [B|1, H|1, Tq|1, Tk|1], and
constexpr std::size_t allowed_shape = 4;
constexpr std::size_t valid = 5;       // flags [B, Tk]
constexpr std::size_t lengths_of = 6;  // [B]
// Its numbers: scale or 0 for none, softcap, dropout, and the slopes of alibi, none for the usual.

struct Sizes {
    std::ptrdiff_t B, H, Hkv, Tq, Tk, D, Dv;
};

/// [B, H, T, D] of a tensor that may have time before heads.
Plain heads_first(const Plain& x, bool time_first) {
    if (!time_first) return x;
    return build({x.shape[0], x.shape[2], x.shape[1], x.shape[3]}, [&](const Position& p) {
        return x.at({p[0], p[2], p[1], p[3]});
    });
}

Sizes sizes_of(const Line& l, const Plain& q, const Plain& k, const Plain& v) {
    require(q.rank() == 4 && k.rank() == 4 && v.rank() == 4, "four axes");
    const std::size_t head = l.flag(layout) ? 2 : 1, time = 3 - head;
    require(q.shape[0] == k.shape[0] && q.shape[3] == k.shape[3], "batch and width");
    for (const std::size_t i : {0, 1, 2}) require(k.shape[i] == v.shape[i], "keys and values");
    require(k.shape[head] > 0 && q.shape[head] % k.shape[head] == 0, "heads");
    return {q.shape[0], q.shape[head], k.shape[head], q.shape[time], k.shape[time], q.shape[3], v.shape[3]};
}

void check_mask(const Line& l, const Plain* added, const Sizes& s) {
    const auto fits = [&](const Extents& shape) {
        if (shape.size() == 2) return shape == Extents{s.Tq, s.Tk};
        return shape.size() == 4 && broadcasts(shape, {s.B, s.H, s.Tq, s.Tk});
    };
    require(!l.flag(has_part, allow) || fits(l.lists[allowed_shape]), "allow");
    require(!l.flag(has_part, keys) || std::ssize(l.lists[valid]) == s.B * s.Tk, "keys");
    require(!l.flag(has_part, lengths) || std::ssize(l.lists[lengths_of]) == s.B, "lengths");
    for (const auto length : l.lists[lengths_of])
        require(!l.flag(has_part, lengths) || (0 <= length && length <= s.Tk), "lengths");
    require(added == nullptr || fits(added->shape), "bias");
    require(!l.flag(has_part, alibi) || l.reals.size() == 3 || std::ssize(l.reals) == 3 + s.H, "slopes");
}

bool may_attend(const Line& l, const Sizes& s, const Position& p) {
    const auto b = p[0], i = p[2], j = p[3], own = i + s.Tk - s.Tq;
    if (l.flag(has_part, causal) && j > own) return false;
    if (l.flag(has_part, offset) && j > i + l.integer(bounds, 0)) return false;
    const auto left = l.integer(bounds, 1), right = l.integer(bounds, 2);
    if (l.flag(has_part, window) && ((left >= 0 && j < own - left) || (right >= 0 && j > own + right))) return false;
    if (l.flag(has_part, keys) && !l.flag(valid, static_cast<std::size_t>(b * s.Tk + j))) return false;
    if (l.flag(has_part, lengths) && j >= l.integer(lengths_of, static_cast<std::size_t>(b))) return false;
    if (!l.flag(has_part, allow)) return true;
    Plain flags(l.lists[allowed_shape]);
    flags.v.assign(l.lists[allowed].begin(), l.lists[allowed].end());
    return read(flags, p) != 0;
}

/// Of head h: 2^(−8 (h + 1) / H) for a power of two; for others those of the smaller power, then every second of the larger.
double slope(const Line& l, std::ptrdiff_t h, std::ptrdiff_t heads) {
    if (l.reals.size() > 3) return l.reals[static_cast<std::size_t>(3 + h)];
    std::ptrdiff_t power = 1;
    while (2 * power <= heads) power *= 2;
    const auto exponent = h < power ? -8.0 * static_cast<double>(h + 1) / static_cast<double>(power)
                                    : -4.0 * static_cast<double>(2 * (h - power) + 1) / static_cast<double>(power);
    return std::exp2(exponent);
}

Plain softmax_of_attended(const Plain& scores) {
    return along(scores, 3, [](Numbers row) {
        double sum = 0;
        for (const double score : row) sum += std::exp(score);
        for (double& score : row) score = sum == 0 ? 0 : std::exp(score) / sum;
        return row;
    });
}

Plain dropped(const Line& l, Plain weights) {
    const double p = l.reals[2];
    if (!l.flag(layout, 1) || p == 0) return weights;
    const Numbers u = testing::uniform_numbers(static_cast<std::uint64_t>(l.integer(layout, 2)), 0, weights.v.size());
    for (std::size_t i = 0; i < u.size(); ++i) weights.v[i] = u[i] >= p ? weights.v[i] / (1 - p) : 0;
    return weights;
}

/// Scores, capped scores, masked scores, weights, output: section 3.2.1 of the paper, a loop for each.
Plains steps_of(const Line& l, const Plains& x) {
    const Sizes s = sizes_of(l, x[0], x[1], x[2]);
    const Plain* added = l.flag(has_part, bias) ? &x[3] : nullptr;
    check_mask(l, added, s);
    const bool time_first = l.flag(layout);
    const Plain q = heads_first(x[0], time_first), k = heads_first(x[1], time_first), v = heads_first(x[2], time_first);
    const double scale = l.reals[0] != 0 ? l.reals[0] : 1 / std::sqrt(static_cast<double>(s.D)), cap = l.reals[1];
    const auto serving = [&](std::ptrdiff_t h) { return h / (s.H / s.Hkv); };
    const Plain scores = build({s.B, s.H, s.Tq, s.Tk}, [&](const Position& p) {
        double sum = 0;
        for (std::ptrdiff_t d = 0; d < s.D; ++d) sum += q.at({p[0], p[1], p[2], d}) * k.at({p[0], serving(p[1]), p[3], d});
        return s.D == 0 ? 0 : sum * scale;
    });
    const Plain capped = map(scores, [&](double score) { return cap > 0 ? cap * std::tanh(score / cap) : score; });
    const Plain masked = build(scores.shape, [&](const Position& p) {
        if (!may_attend(l, s, p)) return -HUGE_VAL;
        double score = capped.at(p);
        if (added != nullptr) score += read(*added, p);
        if (l.flag(has_part, alibi)) score -= slope(l, p[1], s.H) * std::abs(static_cast<double>(p[2] + s.Tk - s.Tq - p[3]));
        return score;
    });
    const Plain weights = softmax_of_attended(masked), kept = dropped(l, weights);
    const Plain output = build({s.B, s.H, s.Tq, s.Dv}, [&](const Position& p) {
        double sum = 0;
        for (std::ptrdiff_t j = 0; j < s.Tk; ++j) sum += kept.at({p[0], p[1], p[2], j}) * v.at({p[0], serving(p[1]), j, p[3]});
        return sum;
    });
    return {scores, capped, masked, weights, heads_first(output, time_first)};
}

/// The first rows of keys or values.
Plain first_rows(const Line& l, const Plain& x) {
    const std::size_t time = l.flag(layout) ? 1 : 2;
    require(x.rank() == 4, "four axes");
    const auto n = l.integer(layout, 3);
    require(0 <= n && n <= x.shape[time], "keys");
    Extents shape = x.shape;
    shape[time] = n;
    return build(shape, [&](const Position& p) { return x.at(p); });
}

AttentionMask mask_of(const Line& l, const Tensors& x, std::ptrdiff_t batch, std::ptrdiff_t n_keys) {
    AttentionMask mask;
    if (l.flag(has_part, causal)) mask = mask & AttentionMask::causal();
    if (l.flag(has_part, offset)) mask = mask & AttentionMask::causal(l.integer(bounds, 0));
    if (l.flag(has_part, window)) mask = mask & AttentionMask::window(l.integer(bounds, 1), l.integer(bounds, 2));
    if (l.flag(has_part, allow)) mask = mask & AttentionMask::allow(flags_of(l.lists[allowed], l.lists[allowed_shape]));
    if (l.flag(has_part, keys)) mask = mask & AttentionMask::keys(flags_of(l.lists[valid], {batch, n_keys}));
    if (l.flag(has_part, lengths)) mask = mask & AttentionMask::lengths(l.lists[lengths_of]);
    if (l.flag(has_part, bias)) mask = mask & AttentionMask::bias(x[3]);
    if (l.flag(has_part, alibi))
        mask =
            mask & (l.reals.size() > 3 ? AttentionMask::alibi({l.reals.begin() + 3, l.reals.end()}) : AttentionMask::alibi());
    return mask;
}

Tensors run(Form form, const Line& l, const Tensors& x) {
    tapehead::Generator generator(static_cast<std::uint64_t>(l.integer(layout, 2)));
    const auto batch = l.lists[layout][4], n_keys = l.lists[layout][5];
    AttentionOptions options{.mask = mask_of(l, x, batch, n_keys),
                             .softcap = l.reals[1],
                             .dropout = l.reals[2],
                             .training = l.flag(layout, 1),
                             .generator = &generator,
                             .time_first = l.flag(layout)};
    if (l.reals[0] != 0) options.scale = l.reals[0];
    switch (form) {
        case Form::output: return {scaled_dot_product_attention(x[0], x[1], x[2], options)};
        case Form::first: return {scaled_dot_product_attention_to_first(x[0], x[1], x[2], l.integer(layout, 3), options)};
        case Form::weights: {
            const auto r = scaled_dot_product_attention_with_weights(x[0], x[1], x[2], options);
            return {r.output, r.weights};
        }
        default: {
            const auto r = scaled_dot_product_attention_steps(x[0], x[1], x[2], options);
            return {r.scores, r.capped_scores, r.masked_scores, r.weights, r.output};
        }
    }
}

std::string join(const Integers& list) {
    std::string text;
    for (const auto i : list) text += (text.empty() ? "" : ", ") + std::to_string(i);
    return "{" + text + "}";
}

std::string mask_text(const Line& l) {
    std::vector<std::string> texts;
    if (l.flag(has_part, causal)) texts.push_back("causal()");
    if (l.flag(has_part, offset)) texts.push_back("causal(" + std::to_string(l.integer(bounds, 0)) + ")");
    if (l.flag(has_part, window))
        texts.push_back("window(" + std::to_string(l.integer(bounds, 1)) + ", " + std::to_string(l.integer(bounds, 2)) + ")");
    if (l.flag(has_part, allow))
        texts.push_back("allow(flags(" + join(l.lists[allowed_shape]) + ", " + join(l.lists[allowed]) + "))");
    if (l.flag(has_part, keys))
        texts.push_back("keys(flags(" + join({l.lists[layout][4], l.lists[layout][5]}) + ", " + join(l.lists[valid]) + "))");
    if (l.flag(has_part, lengths)) texts.push_back("lengths(" + join(l.lists[lengths_of]) + ")");
    if (l.flag(has_part, bias)) texts.push_back("bias(v" + std::to_string(l.inputs[3]) + ")");
    if (l.flag(has_part, alibi)) {
        std::string slopes;
        for (std::size_t i = 3; i < l.reals.size(); ++i) slopes += (i > 3 ? ", " : "") + std::to_string(l.reals[i]);
        texts.push_back(slopes.empty() ? "alibi()" : "alibi({" + slopes + "})");
    }
    std::string text;
    for (const std::string& part : texts) text += (text.empty() ? "" : " & ") + ("AttentionMask::" + part);
    return text.empty() ? "{}" : text;
}

std::string options_text(const Line& l) {
    std::string text = "{.mask = " + mask_text(l);
    if (l.reals[0] != 0) text += ", .scale = " + std::to_string(l.reals[0]);
    if (l.reals[1] != 0) text += ", .softcap = " + std::to_string(l.reals[1]);
    if (l.reals[2] != 0) text += ", .dropout = " + std::to_string(l.reals[2]);
    if (l.flag(layout, 1))
        text +=
            ", .training = true, .generator = std::make_unique<Generator>(" + std::to_string(l.integer(layout, 2)) + ").get()";
    return text + (l.flag(layout) ? ", .time_first = true}" : "}");
}

void choose_mask(Chooser& c, Line& l, const Sizes& s) {
    l.lists[has_part].assign(parts, 0);
    for (auto& is_there : l.lists[has_part]) is_there = c.chance(0.17);
    l.lists[bounds] = {c.between(-2, 3), c.between(-1, 3), c.between(-1, 3)};
    Extents shape = c.chance(0.5) ? Extents{s.Tq, s.Tk} : Extents{s.B, s.H, s.Tq, s.Tk};
    if (shape.size() == 4)
        for (auto& extent : shape)
            if (c.chance(0.3)) extent = 1;
    l.lists[allowed] = c.flags(shape, 0.6);
    l.lists[allowed_shape] = shape;
    l.lists[valid] = c.flags({s.B, s.Tk}, 0.6);
    for (std::ptrdiff_t b = 0; b < s.B; ++b) l.lists[lengths_of].push_back(c.below(s.Tk + 1));
    if (l.flag(has_part, bias)) l.inputs.push_back(c.like(c.chance(0.5) ? Extents{s.Tq, s.Tk} : shape));
    if (l.flag(has_part, alibi) && c.chance(0.5))
        for (std::ptrdiff_t h = 0; h < s.H; ++h) l.reals.push_back(c.real(-1, 1));
}

/// Queries that exist, if they have four axes; keys and values of their own.
Line attention_line(Chooser& c, Form form) {
    const int q = c.any(4, 4);
    Line l{.inputs = {q}, .reals = {c.chance(0.5) ? 0 : c.real(0.125, 1.5), c.chance(0.2) ? c.real(0.5, 3) : 0, 0}};
    l.lists.resize(7);
    const bool time_first = c.chance(0.4), trains = c.chance(0.2);
    const std::size_t head = time_first ? 2 : 1;
    Extents shape = c.shape(q);
    Sizes s{shape[0], shape[head], 0, shape[3 - head], c.extent(), shape[3], c.extent()};
    if (s.H == 0) throw NotNow();
    s.Hkv = s.H % 2 == 0 && c.chance(0.4) ? s.H / 2 : c.chance(0.2) ? 1 : s.H;
    if (c.chance(0.3)) s.Tk = s.Tq;
    const auto used = form == Form::first ? s.Tk - c.below(s.Tk + 1) : s.Tk;
    shape[head] = s.Hkv, shape[3 - head] = s.Tk;
    l.inputs.push_back(c.like(shape));
    if (c.chance(0.4)) s.Dv = s.D;
    shape[3] = s.Dv;
    l.inputs.push_back(c.like(shape));
    if (trains) l.reals[2] = c.real(0.1, 0.7);
    s.Tk = used;
    choose_mask(c, l, s);
    l.lists[layout] = {time_first, trains, c.below(1000), used, s.B, s.Tk};
    return l;
}

Operation attention(const char* name, Form form) {
    const std::string call = std::string(name) + (form == Form::first ? "($0, $1, $2, $O)" : "($0, $1, $2, $O)");
    return {name,
            call,
            "",
            [form](Chooser& c) { return attention_line(c, form); },
            [form](const Line& l, const Tensors& x) { return run(form, l, x); },
            [form](const Line& l, const Plains& x) {
                if (form != Form::first) {
                    const Plains steps = steps_of(l, x);
                    if (form == Form::steps) return steps;
                    return form == Form::output ? Plains{steps[4]} : Plains{steps[4], steps[3]};
                }
                sizes_of(l, x[0], x[1], x[2]);
                Plains shortened = x;
                shortened[1] = first_rows(l, x[1]), shortened[2] = first_rows(l, x[2]);
                return Plains{steps_of(l, shortened)[4]};
            },
            [form](const Line& l) {
                return (form == Form::first ? "/* keys */ " + std::to_string(l.integer(layout, 3)) + ", " : "") +
                       options_text(l);
            },
            false,
            false};
}

}  // namespace

std::vector<Operation> attention_operations() {
    return {attention("scaled_dot_product_attention", Form::output),
            attention("scaled_dot_product_attention_to_first", Form::first),
            attention("scaled_dot_product_attention_with_weights", Form::weights),
            attention("scaled_dot_product_attention_steps", Form::steps)};
}

}  // namespace random_programs
