// ONNX's arithmetic of two or more tensors, comparisons, logic and matrix products.
#include <onnx/node.hpp>

namespace onnx {
namespace {

Operator binary(Tensor (*f)(const Tensor&, const Tensor&)) {
    return [f](const Node& node) { return Outputs{f(node.tensor(0), node.tensor(1))}; };
}

Operator comparison(Condition (*f)(const Tensor&, const Tensor&)) {
    return [f](const Node& node) { return Outputs{as_tensor(f(node.tensor(0), node.tensor(1)))}; };
}

Operator logic(Condition (*f)(const Condition&, const Condition&)) {
    return [f](const Node& node) { return Outputs{as_tensor(f(node.condition(0), node.condition(1)))}; };
}

/// f over any number of tensors, the first two first.
Tensor fold(const Node& node, Tensor (*f)(const Tensor&, const Tensor&)) {
    Tensor result = node.tensor(0);
    for (Index i = 1; i < node.inputs(); ++i) result = f(result, node.tensor(i));
    return result;
}

Operator variadic(Tensor (*f)(const Tensor&, const Tensor&)) {
    return [f](const Node& node) { return Outputs{fold(node, f)}; };
}

Condition exclusive_or(const Condition& a, const Condition& b) { return (a | b) & !(a & b); }

/// Y = α op(A) op(B) + β C
Tensor general_product(const Node& node) {
    Tensor y = gemm(node.tensor(0), node.integer("transA", 0) != 0, node.tensor(1), node.integer("transB", 0) != 0);
    y = node.real("alpha", 1) * y;
    return node.has(2) ? y + node.real("beta", 1) * node.tensor(2) : y;
}

/// The cases hold a scalar as a tensor of shape [1].
Tensor einstein_sum(const Node& node) {
    const std::string equation = node.text("equation", "");
    const bool of_scalar = equation.find_first_not_of(" \t") == equation.find("->");
    std::vector<Tensor> operands = node.tensors(0);
    if (of_scalar && operands.size() == 1) operands[0] = reshape(operands[0], {});
    return einsum(equation, operands);
}

}  // namespace

void add_arithmetic(Operators& operators) {
    operators["Add"] = binary(add);
    operators["Sub"] = binary(sub);
    operators["Mul"] = binary(mul);
    operators["Div"] = binary(div);
    operators["Pow"] = binary(tapehead::pow);
    operators["Max"] = variadic(maximum);
    operators["Min"] = variadic(minimum);
    operators["Sum"] = variadic(add);
    operators["Mean"] = [](const Node& n) { return Outputs{fold(n, add) / static_cast<Real>(n.inputs())}; };

    operators["Equal"] = comparison(eq);
    operators["Less"] = comparison(lt);
    operators["LessOrEqual"] = comparison(le);
    operators["Greater"] = comparison(gt);
    operators["GreaterOrEqual"] = comparison(ge);
    operators["Where"] = [](const Node& n) { return Outputs{where(n.condition(0), n.tensor(1), n.tensor(2))}; };
    operators["And"] = logic([](const Condition& a, const Condition& b) { return a & b; });
    operators["Or"] = logic([](const Condition& a, const Condition& b) { return a | b; });
    operators["Xor"] = logic(exclusive_or);
    operators["Not"] = [](const Node& n) { return Outputs{as_tensor(!n.condition(0))}; };

    operators["MatMul"] = binary(matmul);
    operators["Gemm"] = [](const Node& n) { return Outputs{general_product(n)}; };
    operators["Einsum"] = [](const Node& n) { return Outputs{einstein_sum(n)}; };
}

}  // namespace onnx
