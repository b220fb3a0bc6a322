// The walk through attention: every step of one head, forward in the order of the paper, then back.
import { Index, elements, format, real, type Attention, type Head, type Num, type Numbers } from "./data.ts";
import { h } from "./dom.ts";
import { HeatMap } from "./heatmap.ts";
import { jacobian, pullBack } from "./softmax.ts";

interface State {
    call: number;
    head: number; // a place in `shown`
    query: number; // Infinity for the last, which sees the most
}

/** A step as a card: name, formula, shape, numbers. */
function card(name: string, formula: string, shape: string, step: string, content: HTMLElement): HTMLElement {
    return h("section", { class: "card", "data-step": step }, h("h3", {}, name, " ", h("small", {}, shape)), h("code", { class: "formula" }, formula), content);
}

const matrixRow = (x: Numbers, i: number): number[] => elements(x).slice(i * x.columns, (i + 1) * x.columns).map(real);

/** A matrix made here, as Numbers. */
function made(values: number[][]): Numbers {
    const flat = values.flat();
    const num = (x: number): Num => (Number.isFinite(x) ? Number(x.toPrecision(6)) : Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
    const finite = flat.filter(Number.isFinite);
    const mean = finite.reduce((a, b) => a + b, 0) / Math.max(1, finite.length);
    return {
        shape: [values.length, values[0]?.length ?? 0], rows: values.length, columns: values[0]?.length ?? 0, values: flat.map(num),
        min: num(Math.min(...finite)), max: num(Math.max(...finite)), mean: num(mean), std: 0, norm: num(Math.hypot(...finite)),
        zeros: flat.filter((x) => x === 0).length, nonfinite: flat.length - finite.length,
    };
}

export class AttentionView {
    readonly element = h("section", { class: "attention-view", "aria-label": "Attention" });
    private state: State = { call: 0, head: 0, query: Infinity };
    private maps: HeatMap[] = []; // whose rows are queries

    constructor(private readonly index: Index, private readonly onChange: () => void) {
        this.element.addEventListener("keydown", (event) => {
            if (event.key !== "[" && event.key !== "]") return;
            const count = this.call?.shown.length ?? 0;
            if (count) this.show({ head: (this.state.head + (event.key === "]" ? 1 : count - 1)) % count });
        });
        this.draw();
    }

    get place(): string {
        return `${this.state.call}.${this.state.head}`;
    }

    private get call(): Attention | undefined {
        return this.index.tape.attention[this.state.call];
    }

    open(node: number): void {
        const call = this.index.tape.attention.findIndex((a) => a.node === node);
        if (call >= 0) this.show({ call, head: 0, query: Infinity });
    }

    restore(place: string): void {
        const [call, head] = place.split(".").map(Number);
        if (this.index.tape.attention[call ?? -1]?.shown[head ?? -1]) this.show({ call: call!, head: head! });
    }

    private show(change: Partial<State>): void {
        const focused = (document.activeElement as HTMLElement | null)?.dataset["keep"];
        this.state = { ...this.state, ...change };
        this.draw();
        if (focused) this.element.querySelector<HTMLElement>(`[data-keep="${CSS.escape(focused)}"]`)?.focus();
        this.onChange();
    }

    draw(): void {
        this.maps = [];
        const call = this.call;
        if (!call) {
            this.element.replaceChildren(h("p", { class: "empty" }, "No attention was recorded on this tape."));
            return;
        }
        const head = call.shown[Math.min(this.state.head, call.shown.length - 1)]!;
        this.element.replaceChildren(this.overview(), this.heading(call, head), this.forward(call, head), this.backward(call, head));
    }

    /** All maps, layer by layer and head by head. */
    private overview(): HTMLElement {
        return h("nav", { class: "overview", "aria-label": "Attention maps by layer and head" }, this.index.tape.attention.map((call, c) =>
            h("div", { class: "layer" }, h("h3", {}, call.scope || "attention"), h("div", { class: "maps" }, call.shown.map((head, i) =>
                h("button", {
                    type: "button", class: c === this.state.call && i === this.state.head ? "thumb current" : "thumb", "data-keep": `thumb ${c} ${i}`,
                    "aria-label": `${call.scope}, head ${head.head}`, "aria-pressed": String(c === this.state.call && i === this.state.head),
                    onclick: () => this.show({ call: c, head: i, query: Infinity }),
                }, thumbnail(head.weights), h("span", {}, String(head.head))))))));
    }

    private heading(call: Attention, head: Head): HTMLElement {
        const facts = [`batch ${call.batch}, sequence ${call.sequence}`, `${call.heads} heads${call.kv_heads === call.heads ? "" : ` over ${call.kv_heads} of keys and values`}`,
            `D = ${call.head_dim}`, `scale ${format(call.scale)}`, ...(call.softcap ? [`softcap ${call.softcap}`] : []), ...(call.dropout ? [`dropout ${call.dropout}`] : [])];
        return h("header", { class: "heading" }, h("h2", {}, call.scope || "attention"), h("p", { class: "note" }, facts.join(" · ")),
            h("div", { class: "heads", role: "group", "aria-label": "Head" }, "Head ", call.shown.map((other, i) => h("button", {
                type: "button", "data-head": other.head, "data-keep": `head ${other.head}`, "aria-pressed": String(other === head), onclick: () => this.show({ head: i }),
            }, String(other.head))), call.shown.length < call.heads ? h("span", { class: "note" }, ` of ${call.heads}`) : null,
            h("span", { class: "note" }, "  keys [ and ]")));
    }

    /** A heat map whose rows, or columns, are queries and keys. */
    private map(x: Numbers, label: string, rows: "queries" | "keys", columns: "keys" | "none", pick = false): HTMLElement {
        const call = this.call!;
        const labels = (which: "queries" | "keys" | "none"): string[] | undefined => (which === "queries" ? call.query_labels : which === "keys" ? call.key_labels : undefined);
        const map = new HeatMap(x, {
            label, rowLabels: x.values ? labels(rows) : undefined, columnLabels: x.values ? labels(columns) : undefined, width: 300,
            ...(rows === "queries" ? { onRow: (row: number | null) => this.mark(row) } : {}),
            ...(pick ? { onPick: (row: number) => this.show({ query: row }) } : {}),
        });
        if (rows === "queries") this.maps.push(map);
        return map.element;
    }

    private mark(row: number | null): void {
        for (const map of this.maps) map.mark(row);
    }

    private forward(call: Attention, head: Head): HTMLElement {
        const tq = call.queries, tk = call.keys, d = call.head_dim, shape = (a: number, b: number): string => `[${a}, ${b}]`;
        return h("section", { class: "walk", "data-way": "forward" }, h("h2", {}, "Forward"), h("div", { class: "cards" },
            card("Queries", "Q = X Wq + bq, this head's columns", shape(tq, d), "q", this.map(head.q, "queries", "queries", "none")),
            card("Keys", "K = X Wk + bk", shape(tk, d), "k", this.map(head.k, "keys", "keys", "none")),
            card("Values", "V = X Wv + bv", shape(tk, d), "v", this.map(head.v, "values", "keys", "none")),
            card("Scores", `S = Q Kᵀ · ${format(call.scale)}`, shape(tq, tk), "scores", this.map(head.scores, "scores", "queries", "keys")),
            card("Masked scores", "S + bias, −∞ where a query may not look", shape(tq, tk), "masked_scores", this.map(head.masked_scores, "masked scores", "queries", "keys")),
            card("Weights", "P = softmax(S), each row sums to 1", shape(tq, tk), "weights", this.map(head.weights, "weights", "queries", "keys", true)),
            card("Output", call.dropout ? "O = dropout(P) V" : "O = P V", shape(tq, head.output.columns), "output", this.map(head.output, "output", "queries", "none"))));
    }

    private backward(call: Attention, head: Head): HTMLElement {
        const g = head.gradients;
        if (!g) return h("section", { class: "walk" }, h("h2", {}, "Back"), h("p", { class: "empty" }, "No backward pass was recorded."));
        const scale = format(call.scale);
        return h("section", { class: "walk", "data-way": "back" }, h("h2", {}, "Back"), h("div", { class: "cards" },
            card("Gradient of the output", "dO, from what comes after", "", "output.grad", this.map(g.output, "gradient of the output", "queries", "none")),
            card("of the values", call.dropout ? "dV = dropout(P)ᵀ dO" : "dV = Pᵀ dO", "", "v.grad", this.map(g.v, "gradient of the values", "keys", "none")),
            card("of the weights", call.dropout ? "dP = dO Vᵀ, 0 where dropped" : "dP = dO Vᵀ", "", "weights.grad", this.map(g.weights, "gradient of the weights", "queries", "keys", true)),
            this.softmaxCard(call, head),
            card("of the scores", "dS = P ∘ (dP − Σ dP ∘ P)", "", "scores.grad", this.map(g.scores, "gradient of the scores", "queries", "keys", true)),
            card("of the queries", `dQ = dS K · ${scale}`, "", "q.grad", this.map(g.q, "gradient of the queries", "queries", "none")),
            card("of the keys", `dK = dSᵀ Q · ${scale}`, "", "k.grad", this.map(g.k, "gradient of the keys", "keys", "none"))));
    }

    /** The Jacobian of one row of the softmax, and what it makes of that row's gradient. */
    private softmaxCard(call: Attention, head: Head): HTMLElement {
        const { weights } = head, g = head.gradients!;
        if (!weights.values || !g.weights.values) return card("through the softmax", "J = diag(p) − p pᵀ", "", "softmax", h("p", { class: "note" }, "The weights are too many to show exactly."));
        const query = Math.min(this.state.query, weights.rows - 1);
        const p = matrixRow(weights, query), dp = matrixRow(g.weights, query), ds = pullBack(p, dp);
        const tape = matrixRow(g.masked_scores, query);
        const difference = Math.max(...ds.map((x, j) => Math.abs(x - tape[j]!)));
        const labels = call.key_labels, name = call.query_labels?.[query];
        const line = (values: number[], label: string): HTMLElement => new HeatMap(made([values]), { label, columnLabels: labels, width: 300 }).element;
        const choose = h("select", { "data-keep": "query", "aria-label": "Query", onchange: () => this.show({ query: Number(choose.value) }) },
            Array.from({ length: weights.rows }, (_, i) => h("option", { value: i, selected: i === query }, call.query_labels?.[i] === undefined ? `query ${i}` : `query ${i} “${call.query_labels[i]}”`)));
        return h("section", { class: "card wide", "data-step": "softmax", "data-difference": difference },
            h("h3", {}, "through the softmax", " ", h("small", {}, "one row at a time")), h("code", { class: "formula" }, "J = diag(p) − p pᵀ,   ds = J dp"),
            h("p", {}, choose, h("span", { class: "note" }, " or click a row of the weights")),
            h("div", { class: "jacobian" },
                h("div", {}, h("h4", {}, `p, the weights of ${name ?? `query ${query}`}`), line(p, "weights of the query"),
                    h("h4", {}, "dp, their gradient"), line(dp, "gradient of the weights"),
                    h("h4", {}, "ds = J dp"), line(ds, "gradient of the scores")),
                h("div", {}, h("h4", {}, "J"), new HeatMap(made(jacobian(p)), { label: "Jacobian of the softmax", rowLabels: labels, columnLabels: labels, width: 300 }).element)),
            h("p", { class: "check" }, `J dp worked out here and the tape's gradient differ by at most ${difference.toExponential(1)}.`));
    }
}

/** A small map of weights, darker for more. */
export function thumbnail(weights: Numbers, side = 72): HTMLElement {
    const canvas = h("canvas", { width: weights.columns || 1, height: weights.rows || 1, style: `width:${side}px;height:${Math.min(side, Math.max(8, (side * weights.rows) / Math.max(1, weights.columns)))}px`, "aria-hidden": "true" });
    const c = canvas.getContext("2d"), dark = document.documentElement.dataset["theme"] === "dark";
    elements(weights).forEach((value, i) => {
        if (!c) return;
        c.fillStyle = `rgb(${dark ? "110 168 254" : "37 99 235"} / ${Math.min(1, Math.max(0, real(value)))})`;
        c.fillRect(i % weights.columns, Math.floor(i / weights.columns), 1, 1);
    });
    return canvas;
}

