// Where the visible items stand. Every open group is laid out by itself and is then one box of the group around it.
import { Graph, layout as dagre } from "@dagrejs/dagre";
import { groupItem, nodeItem, type Edge, type Group } from "./grouping.ts";
import { title, type TapeNode } from "./data.ts";

export interface Box {
    item: string;
    x: number; y: number; width: number; height: number; // of the upper left corner
    group?: Group; // of a group, open or closed
    node?: TapeNode;
    detail?: string; // of a node: its second line
    open: boolean;
}

export interface Layout {
    boxes: Map<string, Box>; // groups before what is inside them
    width: number;
    height: number;
}

const padding = 14, header = 26, most = 700; // beyond that many items of one group, ranks take dagre's place

interface Placed {
    x: number; y: number;
}

/** Items in rows by their longest way from an input, in the order of the tape. */
function ranks(sizes: Map<string, { width: number; height: number }>, links: Edge[]): Map<string, Placed> {
    const rank = new Map<string, number>([...sizes.keys()].map((item) => [item, 0]));
    for (const { from, to } of links) rank.set(to, Math.max(rank.get(to)!, rank.get(from)! + 1)); // links are in tape order
    const rows = new Map<number, string[]>();
    for (const [item, r] of rank) rows.set(r, [...(rows.get(r) ?? []), item]);
    const places = new Map<string, Placed>();
    let y = 0;
    for (const r of [...rows.keys()].sort((a, b) => a - b)) {
        let x = 0, height = 0;
        for (const item of rows.get(r)!) {
            places.set(item, { x, y });
            x += sizes.get(item)!.width + 18;
            height = Math.max(height, sizes.get(item)!.height);
        }
        y += height + 30;
    }
    return places;
}

function arranged(sizes: Map<string, { width: number; height: number }>, links: Edge[]): Map<string, Placed> {
    if (sizes.size > most) return ranks(sizes, links);
    const graph = new Graph();
    graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 30, marginx: 0, marginy: 0 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const [item, size] of sizes) graph.setNode(item, { ...size });
    for (const { from, to, count } of links) graph.setEdge(from, to, { weight: count });
    dagre(graph);
    const places = new Map<string, Placed>();
    for (const item of sizes.keys()) {
        const { x, y, width, height } = graph.node(item) as { x: number; y: number; width: number; height: number };
        places.set(item, { x: x - width / 2, y: y - height / 2 });
    }
    return places;
}

/** The second line of a node: the layer that it is of, if that is not the group it stands in, and the shape. */
export function detail(node: TapeNode, group: string): string {
    const layer = node.scope.split(".").at(-1)!;
    return `${layer && node.scope !== group ? `${layer} ` : ""}[${node.shape.join(", ")}]`;
}

function nodeSize(node: TapeNode, group: string): { width: number; height: number } {
    const label = Math.max(title(node).length, 0.9 * detail(node, group).length);
    return { width: Math.max(64, 7.2 * label + 22), height: node.kind === "operation" ? 40 : 34 };
}

export function layout(root: Group, expanded: ReadonlySet<string>, links: Edge[], types: ReadonlyMap<string, string>, shown: (node: TapeNode) => boolean): Layout {
    // For each level the ancestor of an item that stands in it.
    const parents = new Map<string, string>();
    const note = (group: Group): void => {
        for (const node of group.nodes) parents.set(nodeItem(node.id), groupItem(group.name));
        for (const child of group.children) {
            parents.set(groupItem(child.name), groupItem(group.name));
            if (expanded.has(child.name)) note(child);
        }
    };
    note(root);
    const chain = (item: string): string[] => {
        const way = [item];
        for (let up = parents.get(item); up !== undefined; up = parents.get(up)) way.push(up);
        return way.reverse(); // from the root to the item
    };
    const byLevel = new Map<string, Map<string, Edge>>();
    for (const { from, to, count } of links) {
        const a = chain(from), b = chain(to);
        let level = 0;
        while (a[level + 1] === b[level + 1]) ++level;
        const edge = { from: a[level + 1]!, to: b[level + 1]!, count };
        const inside = byLevel.get(a[level]!) ?? new Map<string, Edge>();
        byLevel.set(a[level]!, inside);
        const key = `${edge.from}\n${edge.to}`, known = inside.get(key);
        if (known) known.count += count;
        else inside.set(key, edge);
    }

    const boxes = new Map<string, Box>();
    const place = (group: Group): { width: number; height: number; move: (x: number, y: number) => void } => {
        const sizes = new Map<string, { width: number; height: number }>();
        const moves: ((x: number, y: number) => void)[] = [];
        const own: [Box, string][] = [];
        const add = (box: Box, inner?: (x: number, y: number) => void): void => {
            sizes.set(box.item, { width: box.width, height: box.height });
            boxes.set(box.item, box);
            own.push([box, box.item]);
            moves.push((x, y) => {
                box.x += x;
                box.y += y;
                inner?.(x, y);
            });
        };
        for (const child of group.children) {
            const item = groupItem(child.name);
            const box: Box = { item, x: 0, y: 0, width: 0, height: 0, group: child, open: expanded.has(child.name) };
            boxes.set(item, box); // before what is inside
            if (box.open) {
                const inside = place(child);
                box.width = Math.max(inside.width + 2 * padding, 8 * (child.label.length + 4));
                box.height = inside.height + header + padding;
                inside.move((box.width - inside.width) / 2, header);
                add(box, inside.move);
            } else {
                box.width = Math.max(110, 7.6 * Math.max(child.label.length + 3, (types.get(child.name) ?? "").length + 12));
                box.height = 46;
                add(box);
            }
        }
        for (const node of group.nodes)
            if (shown(node)) add({ item: nodeItem(node.id), x: 0, y: 0, ...nodeSize(node, group.name), detail: detail(node, group.name), node, open: false });
        const at = arranged(sizes, [...(byLevel.get(groupItem(group.name))?.values() ?? [])]);
        let width = 0, height = 0;
        own.forEach(([box, item], i) => {
            const { x, y } = at.get(item)!;
            moves[i]!(x, y);
            width = Math.max(width, x + box.width);
            height = Math.max(height, y + box.height);
        });
        return { width, height, move: (x, y) => moves.forEach((move) => move(x, y)) };
    };
    const { width, height } = place(root);
    return { boxes, width, height };
}
