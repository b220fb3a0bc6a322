// The data of a page: the format that docs/tape.schema.json describes, and what can be looked up in it.

/** A number as it is written: what JSON has no number for is a string. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

export interface Numbers {
    shape: number[];
    min: Num; max: Num; mean: Num; std: Num; norm: Num;
    zeros: number;
    nonfinite: number;
    histogram?: { lower: Num; upper: Num; counts: number[] };
    rows: number;
    columns: number;
    values?: Num[];
    means?: Num[];
}

export interface TapeNode {
    id: number;
    kind: "operation" | "parameter" | "leaf" | "constant";
    operation: string;
    name?: string;
    scope: string;
    formula?: { value: string; gradient?: string };
    place?: string;
    inputs: number[];
    shape: number[];
    saved_bytes?: number;
    forward_ns?: number;
    backward_ns?: number;
    value?: Numbers;
    gradient?: Numbers;
}

export interface Steps {
    q: Numbers; k: Numbers; v: Numbers;
    scores: Numbers; masked_scores: Numbers; weights: Numbers; output: Numbers;
}

export interface Head extends Steps {
    head: number;
    gradients?: Steps;
}

export interface Attention {
    node: number;
    scope: string;
    batch: number; heads: number; kv_heads: number; queries: number; keys: number; head_dim: number;
    scale: number; softcap: number; dropout: number;
    sequence: number;
    query_labels?: string[];
    key_labels?: string[];
    shown: Head[];
}

export interface Snapshot {
    step: number;
    loss?: Num;
    parameters?: { name: string; value_norm: Num; gradient_norm?: Num; update_ratio?: Num }[];
    attention?: { scope: string; head: number; weights: Numbers }[];
}

export interface Tape {
    format: "tapehead-tape";
    version: 1;
    scalar: string;
    title: string;
    result: number;
    scopes: { name: string; type?: string; place?: string }[];
    nodes: TapeNode[];
    attention: Attention[];
    snapshots: Snapshot[];
}

/** The number itself. */
export const real = (x: Num): number => (typeof x === "number" ? x : x === "NaN" ? NaN : x === "Infinity" ? Infinity : -Infinity);

/** The shown elements of a tensor, exact or as means of blocks. */
export const elements = (x: Numbers): Num[] => x.values ?? x.means ?? [];

/** A number for people: exactly as in the data, with true minus signs. */
export function format(x: Num): string {
    if (x === "NaN") return "NaN";
    if (typeof x === "string") return x === "Infinity" ? "∞" : "−∞";
    return String(x).replaceAll("-", "−").replace("e+", "e");
}

/** At most three significant digits, for narrow places. */
export function short(x: Num): string {
    if (typeof x !== "number") return format(x);
    if (x === 0) return "0";
    const size = Math.abs(x);
    return format(size >= 1e4 || size < 1e-3 ? Number(x.toExponential(1)) : Number(x.toPrecision(3)));
}

export function bytes(n: number): string {
    if (n < 10240) return `${n} B`;
    if (n < 10 * 1048576) return `${Math.round(n / 1024)} KiB`;
    return `${Math.round(n / 1048576)} MiB`;
}

export function duration(ns: number): string {
    if (ns < 1e3) return `${ns} ns`;
    if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} µs`;
    return `${(ns / 1e6).toFixed(2)} ms`;
}

export const shapeText = (shape: number[]): string => `[${shape.join(", ")}]`;

/** What a node is called where there is room for a word. */
export const title = (node: TapeNode): string => (node.kind === "operation" ? node.operation : (node.name?.split(".").at(-1) ?? node.kind));

/** A tape with what is looked up in it. */
export class Index {
    readonly nodes = new Map<number, TapeNode>();
    readonly consumers = new Map<number, number[]>();
    readonly attention = new Map<number, Attention>();
    readonly types = new Map<string, string>();

    constructor(readonly tape: Tape) {
        for (const node of tape.nodes) {
            this.nodes.set(node.id, node);
            for (const input of node.inputs) {
                const known = this.consumers.get(input);
                if (known) known.push(node.id);
                else this.consumers.set(input, [node.id]);
            }
        }
        for (const call of tape.attention) this.attention.set(call.node, call);
        for (const scope of tape.scopes) if (scope.type) this.types.set(scope.name, scope.type);
    }
}

/** The tape in a text. Throws an Error that says what is wrong. */
export function parse(text: string): Tape | null {
    const tape = JSON.parse(text) as Tape | null;
    if (tape === null) return null;
    if (tape.format !== "tapehead-tape") throw new Error(`expected a tape, got the format "${String(tape.format)}"`);
    if (tape.version !== 1) throw new Error(`expected version 1 of the format, got ${String(tape.version)}`);
    return tape;
}
