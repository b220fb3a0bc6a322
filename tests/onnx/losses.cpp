// ONNX's softmax and losses of classification, and dropout where it draws no random number.
#include <onnx/node.hpp>

namespace onnx {
namespace {

Reduction reduction_of(const Node& node) {
    const std::string name = node.text("reduction", "mean");
    if (name == "none") return Reduction::none;
    if (name == "sum") return Reduction::sum;
    if (name == "mean") return Reduction::mean;
    throw std::runtime_error("no reduction " + name);
}

/// The loss, and the log-probabilities of all classes.
Outputs softmax_cross_entropy(const Node& node) {
    const Tensor scores = node.tensor(0);
    const CrossEntropyOptions options{.weight = node.tensor_if_any(2),
                                      .ignore_index = node.integer("ignore_index", no_id),
                                      .reduction = reduction_of(node)};
    return {cross_entropy(scores, node.ids(1), options), log_softmax(scores, 1)};
}

Tensor negative_log_likelihood(const Node& node) {
    const NllLossOptions options{.weight = node.tensor_if_any(2),
                                 .ignore_index = node.integer("ignore_index", no_id),
                                 .reduction = reduction_of(node)};
    return nll_loss(node.tensor(0), node.ids(1), options);
}

/// 1 at the first largest element along an axis, else 0.
Tensor hardmax(const Tensor& x, Index axis) {
    const Tensor last = transpose(x, axis, -1);
    return transpose(one_hot(argmax(last, -1), last.size(-1)), axis, -1);
}

/// The output, and which elements were kept; ratio and mode are inputs, the ratio an attribute before version 12.
Outputs dropped_out(const Node& node) {
    const Real ratio = node.has(1) ? node.tensor(1).item() : node.real("ratio", 0.5);
    const bool is_training = node.has(2) && node.tensor(2).item() != 0;
    if (is_training && ratio > 0) throw Skip("random numbers are not those of ONNX's reference");
    const Tensor x = node.tensor(0);
    return {dropout(x, ratio, is_training), ones_like(x)};
}

}  // namespace

void add_losses(Operators& operators) {
    operators["Softmax"] = [](const Node& n) { return Outputs{softmax(n.tensor(0), n.integer("axis", -1))}; };
    operators["LogSoftmax"] = [](const Node& n) { return Outputs{log_softmax(n.tensor(0), n.integer("axis", -1))}; };
    operators["Hardmax"] = [](const Node& n) { return Outputs{hardmax(n.tensor(0), n.integer("axis", -1))}; };
    operators["SoftmaxCrossEntropyLoss"] = softmax_cross_entropy;
    operators["NegativeLogLikelihoodLoss"] = [](const Node& n) { return Outputs{negative_log_likelihood(n)}; };
    operators["Dropout"] = dropped_out;
}

}  // namespace onnx
