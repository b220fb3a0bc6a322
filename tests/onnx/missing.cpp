// Why operators of ONNX are skipped: what Tapehead has no operation for, and cannot plainly put together from those it has.
#include <onnx/node.hpp>

namespace onnx {

std::string missing_reason(const std::string& op) {
    static const std::map<std::string, std::vector<std::string>> reasons{
        {"no rounding", {"Ceil", "Floor", "Mod", "Round"}},
        {"no inverse trigonometric functions", {"Acos", "Asin", "Atan"}},
        {"one number type, chosen at build time: no casts", {"Bernoulli", "BitCast", "Cast", "CastLike"}},
        {"no operations on bits", {"BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"}},
        {"no convolution", {"Conv", "ConvTranspose", "ConvInteger", "DeformConv", "QLinearConv", "Col2Im"}},
        {"no sliding windows", {"AveragePool", "LpPool", "LRN", "MaxPool", "MaxUnpool"}},
        {"no recurrent layers", {"GRU", "LSTM", "RNN"}},
        {"no sorting, and no shapes that depend on values", {"NonZero", "TopK", "Unique", "NonMaxSuppression"}},
        {"no interpolation", {"AffineGrid", "GridSample", "Resize", "RoiAlign", "Upsample"}},
        {"no running products", {"CumProd"}},
        {"no signal processing", {"BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"}},
        {"no linear algebra beyond products", {"Det"}},
    };
    for (const auto& [reason, ops] : reasons)
        if (std::find(ops.begin(), ops.end(), op) != ops.end()) return reason;
    return "no such operation";
}

}  // namespace onnx
