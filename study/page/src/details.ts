// The panel of one node: formula, shapes, where it comes from and goes to, its value and gradient.
import { Index, bytes, duration, shapeText, title } from "./data.ts";
import { h } from "./dom.ts";
import { numbersView } from "./heatmap.ts";

export interface Links {
    select: (id: number) => void;
    attend: (node: number) => void;
}

/** A formula, its parts one to a line. */
export const formula = (text: string): HTMLElement => h("code", { class: "formula" }, text.split(/,\s{2,}/).map((part) => h("span", {}, part)));

export function details(index: Index, id: number, links: Links): HTMLElement {
    const node = index.nodes.get(id)!;
    const link = (other: number): HTMLElement => {
        const to = index.nodes.get(other)!;
        return h("button", { type: "button", class: "link", "data-to": other, onclick: () => links.select(other) }, `${title(to)} ${shapeText(to.shape)}`);
    };
    const list = (ids: number[]): HTMLElement => (ids.length ? h("ul", {}, ids.map((other) => h("li", {}, link(other)))) : h("span", { class: "note" }, "none"));
    const row = (name: string, ...what: (HTMLElement | string)[]): HTMLElement[] => [h("dt", {}, name), h("dd", {}, what)];
    const facts = [
        ...row("shape", shapeText(node.shape)),
        ...(node.scope ? row("layer", node.scope, index.types.get(node.scope) ? ` (${index.types.get(node.scope)!})` : "") : []),
        ...(node.saved_bytes !== undefined ? row("keeps", bytes(node.saved_bytes)) : []),
        ...(node.forward_ns !== undefined ? row("forward", duration(node.forward_ns)) : []),
        ...(node.backward_ns !== undefined ? row("backward", duration(node.backward_ns)) : []),
        ...(node.place ? row("written in", h("code", {}, node.place)) : []),
        ...row("inputs", list(node.inputs)),
        ...row("used by", list(index.consumers.get(id) ?? [])),
    ];
    return h("article", { class: "details", "data-shown": id },
        h("h2", {}, title(node), " ", h("small", {}, node.kind === "operation" ? `operation ${id}` : node.kind)),
        node.name ? h("p", { class: "full-name" }, node.name) : null,
        node.formula ? h("section", {}, h("h3", {}, "Value"), formula(node.formula.value),
            node.formula.gradient ? [h("h3", {}, "Gradient"), formula(node.formula.gradient)] : null) : null,
        index.attention.has(id) ? h("button", { type: "button", class: "primary", onclick: () => links.attend(id) }, "Walk through this attention") : null,
        h("dl", { class: "rows" }, facts),
        node.value ? h("section", { "data-numbers": "value" }, h("h3", {}, "Value"), numbersView(node.value, { label: `value of ${title(node)}` })) : null,
        node.gradient ? h("section", { "data-numbers": "gradient" }, h("h3", {}, "Gradient of the result"), numbersView(node.gradient, { label: `gradient of ${title(node)}` })) : null);
}
