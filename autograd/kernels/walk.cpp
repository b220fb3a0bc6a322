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

}  // namespace

Walk make_walk(Extents out, Extents a, Extents b, Extents c) {
    Index strides[3][max_rank];
    broadcast_strides(out, a, strides[0]);
    broadcast_strides(out, b, strides[1]);
    broadcast_strides(out, c, strides[2]);

    Walk w;
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
