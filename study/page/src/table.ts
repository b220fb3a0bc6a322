// The tape as a table, and sums by operation and by layer. Only the rows in view are in the document.
import { Index, bytes, duration, shapeText, title, type TapeNode } from "./data.ts";
import { h } from "./dom.ts";

const rowHeight = 28;

type Column = { name: string; text: (node: TapeNode) => string; order: (node: TapeNode) => number | string };

const columns: Column[] = [
    { name: "#", text: (n) => String(n.id), order: (n) => n.id },
    { name: "operation", text: title, order: title },
    { name: "layer", text: (n) => n.name ?? n.scope, order: (n) => n.name ?? n.scope },
    { name: "shape", text: (n) => shapeText(n.shape), order: (n) => n.shape.reduce((a, b) => a * b, 1) },
    { name: "inputs", text: (n) => n.inputs.join(" "), order: (n) => n.inputs.length },
    { name: "keeps", text: (n) => (n.saved_bytes === undefined ? "" : bytes(n.saved_bytes)), order: (n) => -(n.saved_bytes ?? -1) },
    { name: "forward", text: (n) => (n.forward_ns === undefined ? "" : duration(n.forward_ns)), order: (n) => -(n.forward_ns ?? -1) },
    { name: "backward", text: (n) => (n.backward_ns === undefined ? "" : duration(n.backward_ns)), order: (n) => -(n.backward_ns ?? -1) },
];

export class TableView {
    readonly element: HTMLElement;
    private readonly body = h("div", { class: "rows", role: "rowgroup" });
    private readonly scroller: HTMLElement;
    private readonly count = h("span", { class: "note", "aria-live": "polite" });
    private readonly filter = h("input", { type: "search", placeholder: "filter by operation, layer or name", "aria-label": "Filter", oninput: () => this.update() });
    private sorted = columns[0]!;
    private rows: TapeNode[] = [];

    constructor(private readonly index: Index, private readonly onSelect: (id: number) => void) {
        const header = h("div", { class: "row header", role: "row" }, columns.map((column) => h("button", { type: "button", role: "columnheader", onclick: () => {
            this.sorted = column;
            this.update();
        } }, column.name)));
        this.scroller = h("div", { class: "scroller", role: "table", "aria-label": "Tape", tabindex: 0, onscroll: () => this.draw() }, header, this.body);
        this.element = h("section", { class: "table-view", "aria-label": "Table" }, h("div", { class: "toolbar" }, this.filter, this.count), this.scroller, this.totals());
        new ResizeObserver(() => this.draw()).observe(this.scroller);
        this.update();
    }

    private update(): void {
        const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
        this.rows = this.index.tape.nodes.filter((node) => {
            const text = `${title(node)} ${node.scope} ${node.name ?? ""} ${node.kind}`.toLowerCase();
            return words.every((word) => text.includes(word));
        });
        const order = this.sorted.order;
        this.rows.sort((a, b) => {
            const x = order(a), y = order(b);
            return x < y ? -1 : x > y ? 1 : a.id - b.id;
        });
        this.count.textContent = `${this.rows.length} of ${this.index.tape.nodes.length} entries`;
        this.scroller.scrollTop = 0;
        this.draw();
    }

    private draw(): void {
        const first = Math.max(0, Math.floor(this.scroller.scrollTop / rowHeight) - 5);
        const shown = this.rows.slice(first, first + Math.ceil((this.scroller.clientHeight || 600) / rowHeight) + 10);
        this.body.style.height = `${this.rows.length * rowHeight}px`;
        this.body.replaceChildren(...shown.map((node, i) => h("div", {
            class: `row ${node.kind}`, role: "row", tabindex: 0, "data-row-node": node.id, style: `top:${(first + i) * rowHeight}px`,
            onclick: () => this.onSelect(node.id), onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter") this.onSelect(node.id); },
        }, columns.map((column) => h("span", { role: "cell", title: column.text(node) }, column.text(node))))));
    }

    /** Time and memory by operation and by outer layer. */
    private totals(): HTMLElement {
        const sum = (key: (node: TapeNode) => string): HTMLElement[] => {
            const sums = new Map<string, { count: number; ns: number; bytes: number }>();
            for (const node of this.index.tape.nodes) {
                if (node.kind !== "operation") continue;
                const total = sums.get(key(node)) ?? { count: 0, ns: 0, bytes: 0 };
                sums.set(key(node), { count: total.count + 1, ns: total.ns + (node.forward_ns ?? 0) + (node.backward_ns ?? 0), bytes: total.bytes + (node.saved_bytes ?? 0) });
            }
            const all = [...sums].sort((a, b) => b[1].ns - a[1].ns || b[1].count - a[1].count), most = Math.max(1, ...all.map(([, t]) => t.ns));
            return all.slice(0, 40).map(([name, t]) => h("tr", {}, h("td", {}, name || "(outside of layers)"), h("td", {}, String(t.count)), h("td", {}, bytes(t.bytes)),
                h("td", { class: "bar" }, h("i", { style: `width:${(70 * t.ns) / most}%` }), t.ns ? duration(t.ns) : "")));
        };
        const table = (caption: string, rows: HTMLElement[]): HTMLElement => h("table", {}, h("caption", {}, caption),
            h("thead", {}, h("tr", {}, ["", "count", "keeps", "time"].map((name) => h("th", {}, name)))), h("tbody", {}, rows));
        return h("div", { class: "totals" }, table("By operation", sum((n) => n.operation)), table("By layer", sum((n) => n.scope)));
    }
}
