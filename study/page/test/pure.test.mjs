// What the page computes apart from drawing: groups, edges, layout, numbers, the softmax.
import assert from "node:assert/strict";
import test from "node:test";
import { build } from "esbuild";
import { longTape } from "./sample.mjs";

/** A module of src/, compiled. */
async function load(name) {
    const { outputFiles } = await build({ entryPoints: [new URL(`../src/${name}.ts`, import.meta.url).pathname], bundle: true, write: false, format: "esm" });
    return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
}
const { format, short, bytes, duration, real, parse } = await load("data");
const { jacobian, pullBack } = await load("softmax");
const { tree, representatives, edges, firstExpansion, allGroups } = await load("grouping");
const { layout } = await load("layout");

const node = (id, scope, inputs, kind = "operation") => ({ id, kind, operation: kind === "operation" ? "op" : "", scope, inputs, shape: [2] });
const tape = (nodes, scopes) => ({ format: "tapehead-tape", version: 1, nodes, scopes: scopes.map((name) => ({ name })), attention: [], snapshots: [] });
const small = tape([node(0, "a.0", [], "parameter"), node(1, "a.0", [0]), node(2, "a.0", [1]), node(3, "a.1", [2]), node(4, "a.1", [3]), node(5, "a.norm", [4]), node(6, "", [5, 2])], ["a", "a.0", "a.1", "a.norm"]);

test("numbers are written as they are", () => {
    assert.equal(format(-0.25), "−0.25");
    assert.equal(format("-Infinity"), "−∞");
    assert.equal(format(1e-7), "1e−7");
    assert.equal(short(0.123456), "0.123");
    assert.equal(short(123456), "120000");
    assert.ok(Number.isNaN(real("NaN")));
    assert.equal(bytes(2048), "2048 B");
    assert.equal(bytes(1 << 20), "1024 KiB");
    assert.equal(duration(1500), "1.5 µs");
});

test("what is no tape is refused with a reason", () => {
    assert.equal(parse("null"), null);
    assert.throws(() => parse('{"format": "other"}'), /expected a tape/);
    assert.throws(() => parse('{"format": "tapehead-tape", "version": 2}'), /version 1/);
});

test("the Jacobian of a softmax takes gradients back as the short form does", () => {
    const p = [0.5, 0.3, 0.2, 0], dp = [1, -2, 0.5, NaN], finite = [1, -2, 0.5, 7];
    const long = jacobian(p).map((row) => row.reduce((sum, j, i) => sum + j * finite[i], 0));
    pullBack(p, finite).forEach((x, i) => assert.ok(Math.abs(x - long[i]) < 1e-15));
    assert.equal(jacobian(p).flat().reduce((a, b) => a + b, 0).toFixed(12), "0.000000000000");
    assert.equal(pullBack([1, 0], [3, 5])[1], 0);
    assert.ok(dp.length === p.length);
});

test("a layer that does one thing at a time is no group", () => {
    const root = tree(small);
    assert.deepEqual(allGroups(root), ["a", "a.0", "a.1"]);
    assert.equal(root.size, 6);
    assert.deepEqual(root.children[0].nodes.map((n) => n.id), [5]);
});

test("edges between closed groups are merged, those inside one are left out", () => {
    const root = tree(small), all = () => true;
    assert.deepEqual(edges(small, representatives(root, new Set(), all)), [{ from: "ga", to: "n6", count: 2 }]);
    assert.deepEqual(edges(small, representatives(root, new Set(["a"]), all)).map((e) => `${e.from} ${e.to} ${e.count}`), ["ga.0 ga.1 1", "ga.1 n5 1", "n5 n6 1", "ga.0 n6 1"]);
    const operations = representatives(root, new Set(["a", "a.0"]), (n) => n.kind === "operation");
    assert.ok(!operations.has(0) && operations.get(1) === "n1");
});

test("a layout keeps boxes apart and inside their groups", () => {
    const root = tree(small), expanded = new Set(allGroups(root)), all = () => true;
    const { boxes } = layout(root, expanded, edges(small, representatives(root, expanded, all)), new Map(), all);
    const inside = (a, b) => a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height;
    const apart = (a, b) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
    for (const [item, group] of [["n1", "ga.0"], ["n2", "ga.0"], ["n3", "ga.1"], ["n5", "ga"], ["ga.0", "ga"]]) assert.ok(inside(boxes.get(item), boxes.get(group)), item);
    for (const [a, b] of [["n1", "n2"], ["ga.0", "ga.1"], ["n3", "n4"], ["ga", "n6"], ["n5", "ga.1"]]) assert.ok(apart(boxes.get(a), boxes.get(b)), `${a} ${b}`);
});

test("few items are visible at first", () => {
    const long = longTape(5000), root = tree(long), expanded = firstExpansion(root, 36);
    assert.ok(new Set(representatives(root, expanded, () => true).values()).size <= 100);
});
