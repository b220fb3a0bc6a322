// Which nodes and groups are visible, and the edges between them. Pure functions of the tape and of what is expanded.
import type { Tape, TapeNode } from "./data.ts";

/** A layer as a box that can be opened. */
export interface Group {
    name: string;
    label: string; // the name within the group around it
    children: Group[];
    nodes: TapeNode[];
    size: number; // operations inside, at any depth
}

/** The scopes as a tree; what stands in no scope is the root's. */
export function tree(tape: Tape): Group {
    const root: Group = { name: "", label: "", children: [], nodes: [], size: 0 };
    const known = new Map<string, Group>([["", root]]);
    const names = new Set(tape.scopes.map((scope) => scope.name));
    const find = (name: string): Group => {
        const found = known.get(name);
        if (found) return found;
        let parent = name;
        do parent = parent.includes(".") ? parent.slice(0, parent.lastIndexOf(".")) : "";
        while (parent !== "" && !names.has(parent));
        const group: Group = { name, label: name.slice(parent === "" ? 0 : parent.length + 1), children: [], nodes: [], size: 0 };
        known.set(name, group);
        find(parent).children.push(group);
        return group;
    };
    for (const scope of tape.scopes) find(scope.name);
    for (const node of tape.nodes) find(node.scope).nodes.push(node);
    dissolve(root);
    const count = (group: Group): number =>
        (group.size = group.nodes.filter((n) => n.kind === "operation").length + group.children.reduce((sum, c) => sum + count(c), 0));
    count(root);
    return root;
}

/** Puts the operations of a layer that does one thing at a time (a norm, a dropout used twice) into the group around it. */
function dissolve(group: Group): void {
    group.children.forEach(dissolve);
    const isTrivial = (child: Group): boolean => {
        const own = new Set(child.nodes.filter((n) => n.kind === "operation").map((n) => n.id));
        return child.children.length === 0 && child.nodes.every((n) => n.kind !== "operation" || !n.inputs.some((input) => own.has(input)));
    };
    group.nodes.push(...group.children.filter(isTrivial).flatMap((child) => child.nodes));
    group.children = group.children.filter((child) => !isTrivial(child));
}

/** The item that stands for each node: the node's own id, or the outermost closed group around it. */
export function representatives(root: Group, expanded: ReadonlySet<string>, shown: (node: TapeNode) => boolean): Map<number, string> {
    const items = new Map<number, string>();
    const walk = (group: Group, closed: string | null): void => {
        for (const node of group.nodes)
            if (closed !== null) items.set(node.id, closed);
            else if (shown(node)) items.set(node.id, nodeItem(node.id));
        for (const child of group.children)
            walk(child, closed ?? (expanded.has(child.name) ? null : groupItem(child.name)));
    };
    walk(root, null);
    return items;
}

export const nodeItem = (id: number): string => `n${id}`;
export const groupItem = (name: string): string => `g${name}`;

export interface Edge {
    from: string;
    to: string;
    count: number; // how many edges of the tape it stands for
}

/** The edges between visible items, those between the same two merged, those inside one item left out. */
export function edges(tape: Tape, items: ReadonlyMap<number, string>): Edge[] {
    const merged = new Map<string, Edge>();
    for (const node of tape.nodes) {
        const to = items.get(node.id);
        for (const input of node.inputs) {
            const from = items.get(input);
            if (from === undefined || to === undefined || from === to) continue;
            const key = `${from}\n${to}`;
            const known = merged.get(key);
            if (known) ++known.count;
            else merged.set(key, { from, to, count: 1 });
        }
    }
    return [...merged.values()];
}

/** Which groups to open at first: level by level, as long as at most `most` items are visible. */
export function firstExpansion(root: Group, most = 36): Set<string> {
    const expanded = new Set<string>();
    const operations = (group: Group): number => group.nodes.filter((n) => n.kind === "operation").length;
    let visible = operations(root) + root.children.length;
    let level = root.children;
    while (level.length > 0) {
        const next: Group[] = [];
        for (const group of level) {
            const more = operations(group) + group.children.length - 1;
            if (visible + more > most) continue;
            visible += more;
            expanded.add(group.name);
            next.push(...group.children);
        }
        level = next;
    }
    return expanded;
}

/** All groups, and all those inside one. */
export function allGroups(root: Group): string[] {
    return root.children.flatMap((child) => [child.name, ...allGroups(child)]);
}
