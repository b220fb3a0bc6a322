// Builds the loops of a broadcast.
#include <tapehead/autograd/kernels/walk.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::kernels {

namespace {

/// The stride of each output axis for one input: 0 where the input has no such axis or repeats its only element there.
void broadcast_strides(Extents out, Extents in, Index* strides) {
    Index step = 1;
    for (Index axis = out.rank - 1; axis >= 0; --axis) {
        const Index k = axis - (out.rank - in.rank);
        const Index extent = k >= 0 ? in.dims[k] : 1;
        strides[axis] = extent == 1 ? 0 : step;
        step *= extent;
    }
}

/// Whether an operand, if there is one, has the extents of the output.
bool is_same(Extents out, Extents in) {
    if (!in.dims) return true;
    if (in.rank != out.rank) return false;
    for (Index axis = 0; axis < out.rank; ++axis)
        if (in.dims[axis] != out.dims[axis]) return false;
    return true;
}

}  // namespace

Walk make_walk(Extents out, Extents a, Extents b, Extents c) {
    if (is_same(out, a) && is_same(out, b) && is_same(out, c)) {  // as most are: one loop over all elements
        Walk w;
        for (Index axis = 0; axis < out.rank; ++axis) w.size *= out.dims[axis];
        w.extent[0] = w.size;
        w.stride[0][0] = 1;
        w.stride[1][0] = b.dims ? 1 : 0;
        w.stride[2][0] = c.dims ? 1 : 0;
        return w;
    }
    Index strides[3][max_rank];
    broadcast_strides(out, a, strides[0]);
    broadcast_strides(out, b, strides[1]);
    broadcast_strides(out, c, strides[2]);

    Walk w;
    w.extent[0] = 1;
    for (auto& stride : w.stride) stride[0] = 0;
    Index last = -1;  // the axis of w that the next one may merge into
    for (Index axis = 0; axis < out.rank; ++axis) {
        const Index extent = out.dims[axis];
        w.size *= extent;
        if (extent == 1) continue;
        bool merges = last >= 0;
        for (int i = 0; i < 3 && merges; ++i) merges = w.stride[i][last] == extent * strides[i][axis];
        if (merges) {
            w.extent[last] *= extent;
        } else {
            w.extent[++last] = extent;
        }
        for (int i = 0; i < 3; ++i) w.stride[i][last] = strides[i][axis];
    }
    if (last > 0) w.rank = last + 1;
    return w;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::kernels
