// A made-up tape of many operations: layers of a few groups each, in a chain. For tests of speed.

const numbers = (values, rows, columns) => ({
    shape: [rows, columns], min: Math.min(...values), max: Math.max(...values), mean: 0, std: 1, norm: Math.hypot(...values), zeros: 0, nonfinite: 0, rows, columns, values,
});

/** `count` operations in layers of 50, five groups of 10 in each. */
export function longTape(count) {
    const nodes = [], scopes = [];
    for (let id = 0; id < count; ++id) {
        const layer = `layers.${Math.floor(id / 50)}`, block = `${layer}.block${Math.floor(id / 10) % 5}`;
        if (id % 50 === 0) scopes.push({ name: layer, type: "Layer" });
        if (id % 10 === 0) scopes.push({ name: block, type: "Block" });
        nodes.push({
            id, kind: "operation", operation: ["linear", "gelu", "add", "layer_norm"][id % 4], scope: block, formula: { value: "y = f(x)", gradient: "dx = dy f'(x)" },
            inputs: id === 0 ? [] : id % 5 === 0 ? [id - 1, id - 5] : [id - 1], shape: [4, 4], saved_bytes: 64 * (id % 7), forward_ns: 100 + (id % 91), backward_ns: 200,
            value: numbers(Array.from({ length: 16 }, (_, i) => Math.sin(id + i)), 4, 4),
        });
    }
    return { format: "tapehead-tape", version: 1, scalar: "f32", title: `${count} operations`, result: count - 1, scopes, nodes, attention: [], snapshots: [] };
}
