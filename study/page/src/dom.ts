// Elements in one expression: h("button", { class: "head", onclick: f }, "0").

type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, unknown>;

const svgTags = new Set(["svg", "g", "rect", "path", "text", "title", "circle", "defs", "marker", "tspan"]);

function append(parent: Element, child: Child): void {
    if (Array.isArray(child)) child.forEach((c) => append(parent, c));
    else if (child instanceof Node) parent.append(child);
    else if (child !== null && child !== undefined && child !== false) parent.append(String(child));
}

/** An HTML element; attributes by name, listeners as `onclick`. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props?: Props | null, ...children: Child[]): HTMLElementTagNameMap[K];
export function h(tag: string, props?: Props | null, ...children: Child[]): HTMLElement;
export function h(tag: string, props: Props | null = {}, ...children: Child[]): HTMLElement {
    const element = document.createElement(tag);
    set(element, props ?? {});
    append(element, children);
    return element;
}

/** An SVG element. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
    if (!svgTags.has(tag)) throw new Error(`no SVG element: ${tag}`);
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    set(element, props);
    append(element, children);
    return element;
}

function set(element: Element, props: Props): void {
    for (const [name, value] of Object.entries(props)) {
        if (value === false || value === undefined || value === null) continue;
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
        else element.setAttribute(name, value === true ? "" : String(value));
    }
}
