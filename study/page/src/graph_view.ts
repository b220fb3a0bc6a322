// The graph, drawn as SVG: pan, zoom, open and close groups, choose nodes. Only what is in view is in the document.
import { Index, bytes, shapeText, title, type TapeNode } from "./data.ts";
import { h, s } from "./dom.ts";
import { allGroups, edges, firstExpansion, representatives, tree, type Edge, type Group } from "./grouping.ts";
import { layout, type Box, type Layout } from "./layout.ts";

export class GraphView {
    readonly element: HTMLElement;
    private readonly svg = s("svg", { class: "graph", role: "application", "aria-label": "The graph of the tape, from inputs to result", tabindex: -1 });
    private readonly scene = s("g");
    private readonly root: Group;
    private expanded: Set<string>;
    private showParameters = false;
    private boxes!: Layout;
    private links: Edge[] = [];
    private view = { x: 0, y: 0, scale: 1 };
    private selected: number | null = null;
    private scheduled = false;

    constructor(private readonly index: Index, private readonly onSelect: (id: number) => void) {
        this.root = tree(index.tape);
        this.expanded = firstExpansion(this.root);
        this.svg.append(s("defs", {}, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" },
            s("path", { d: "M0 0L8 4L0 8z", class: "arrow" }))), this.scene);
        const button = (text: string, name: string, onclick: () => void): HTMLElement => h("button", { type: "button", onclick, title: name, "aria-label": name }, text);
        const parameters = h("input", { type: "checkbox", onchange: () => this.setParameters(parameters.checked) });
        this.element = h("section", { class: "graph-view", "aria-label": "Graph" },
            h("div", { class: "toolbar" },
                button("Open all", "Open all layers", () => this.expand(allGroups(this.root))),
                button("Close all", "Close all layers", () => this.expand([])),
                button("+", "Zoom in", () => this.zoom(1.25)), button("−", "Zoom out", () => this.zoom(0.8)), button("Fit", "Show the whole graph", () => this.fit()),
                h("label", {}, parameters, " parameters and constants")),
            this.svg as unknown as HTMLElement);
        this.listen();
        this.arrange();
        requestAnimationFrame(() => this.fit());
        new ResizeObserver(() => this.schedule()).observe(this.svg);
    }

    /** Shows a node: opens the groups around it and moves it into view. */
    select(id: number | null, move = true): void {
        this.selected = id;
        const node = id === null ? undefined : this.index.nodes.get(id);
        if (node && move) {
            let hidden = node.kind !== "operation" && !this.showParameters;
            if (hidden) this.showParameters = true;
            for (let name = node.scope; name !== ""; name = name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "")
                if (!this.expanded.has(name)) {
                    this.expanded.add(name);
                    hidden = true;
                }
            if (hidden) this.arrange();
            this.center(`n${id}`);
        }
        this.schedule();
    }

    private setParameters(on: boolean): void {
        this.showParameters = on;
        this.arrange();
        this.fit();
    }

    private expand(names: string[]): void {
        this.expanded = new Set(names);
        this.arrange();
        this.fit();
    }

    private toggle(group: Group): void {
        const before = this.boxes.boxes.get(`g${group.name}`)!;
        const inside = new Set([group.name, ...allGroups(group)]);
        if (this.expanded.has(group.name)) for (const name of inside) this.expanded.delete(name);
        else this.expanded.add(group.name);
        this.arrange();
        const after = this.boxes.boxes.get(`g${group.name}`)!; // stays where it was on the screen
        this.view.x += (before.x - after.x) * this.view.scale + ((before.width - after.width) / 2) * this.view.scale;
        this.view.y += (before.y - after.y) * this.view.scale;
        this.schedule();
        requestAnimationFrame(() => this.focus(`g${group.name}`));
    }

    private arrange(): void {
        const shown = (node: TapeNode): boolean => this.showParameters || node.kind === "operation";
        const items = representatives(this.root, this.expanded, shown);
        this.links = edges(this.index.tape, items);
        this.boxes = layout(this.root, this.expanded, this.links, this.index.types, shown);
        this.element.dataset["items"] = String(this.boxes.boxes.size);
        this.schedule();
    }

    fit(): void {
        const { clientWidth, clientHeight } = this.svg;
        const scale = Math.min(1.1, clientWidth / (this.boxes.width + 40), clientHeight / (this.boxes.height + 40)) || 1;
        const readable = Math.max(scale, Math.min(0.55, clientWidth / (this.boxes.width + 40))); // a long graph: its width, and scroll
        this.view = { scale: readable, x: (clientWidth - this.boxes.width * readable) / 2, y: readable > scale ? 20 : (clientHeight - this.boxes.height * readable) / 2 };
        this.schedule();
    }

    private center(item: string): void {
        const box = this.boxes.boxes.get(item);
        if (!box) return;
        const { clientWidth, clientHeight } = this.svg;
        const scale = Math.max(this.view.scale, 0.6);
        this.view = { scale, x: clientWidth / 2 - (box.x + box.width / 2) * scale, y: clientHeight / 2 - (box.y + box.height / 2) * scale };
    }

    private zoom(factor: number, at = { x: this.svg.clientWidth / 2, y: this.svg.clientHeight / 2 }): void {
        const scale = Math.min(3, Math.max(0.02, this.view.scale * factor)), real = scale / this.view.scale;
        this.view = { scale, x: at.x - (at.x - this.view.x) * real, y: at.y - (at.y - this.view.y) * real };
        this.schedule();
    }

    private focus(item: string): void {
        this.scene.querySelector<SVGElement>(`[data-item="${CSS.escape(item)}"]`)?.focus();
    }

    private schedule(): void {
        if (this.scheduled) return;
        this.scheduled = true;
        requestAnimationFrame(() => {
            this.scheduled = false;
            this.draw();
        });
    }

    private draw(): void {
        const { x, y, scale } = this.view;
        const focused = document.activeElement?.getAttribute("data-item");
        const left = -x / scale, top = -y / scale, right = left + this.svg.clientWidth / scale, bottom = top + this.svg.clientHeight / scale;
        const inView = (b: Box): boolean => b.x < right && b.x + b.width > left && b.y < bottom && b.y + b.height > top;
        const drawn: SVGElement[] = [], ways: SVGElement[] = [];
        const plain = scale < 0.22; // too small for letters
        for (const box of this.boxes.boxes.values())
            if (inView(box)) drawn.push(box.group ? this.drawGroup(box, plain) : this.drawNode(box, plain));
        for (const { from, to, count } of this.links) {
            const a = this.boxes.boxes.get(from)!, b = this.boxes.boxes.get(to)!;
            if (!inView(a) && !inView(b) && !(Math.min(a.y, b.y) < bottom && Math.max(a.y, b.y) > top && Math.min(a.x, b.x) < right && Math.max(a.x, b.x) > left)) continue;
            const x0 = a.x + a.width / 2, y0 = a.y + a.height, x1 = b.x + b.width / 2, y1 = b.y;
            const bend = Math.max(12, Math.min(90, Math.abs(y1 - y0) / 2));
            const near = this.selected !== null && (from === `n${this.selected}` || to === `n${this.selected}`);
            ways.push(s("path", { class: near ? "edge near" : "edge", d: `M${x0} ${y0}C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`, "stroke-width": Math.min(4, 1 + Math.log2(count)), "marker-end": plain ? undefined : "url(#arrow)" }));
        }
        const open = drawn.filter((e) => e.classList.contains("open")), rest = drawn.filter((e) => !e.classList.contains("open"));
        this.scene.replaceChildren(...open, ...ways, ...rest);
        this.scene.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
        if (focused) this.focus(focused);
    }

    private drawGroup(box: Box, plain: boolean): SVGElement {
        const group = box.group!, name = group.label, type = this.index.types.get(group.name) ?? "";
        const toggle = (): void => this.toggle(group);
        return s("g", {
            class: box.open ? "group open" : "group", "data-item": box.item, "data-scope": group.name, tabindex: 0, role: "button",
            "aria-expanded": String(box.open), "aria-label": `${group.name}, ${type} of ${group.size} operations`, transform: `translate(${box.x} ${box.y})`,
            onclick: (event: Event) => { event.stopPropagation(); toggle(); },
            onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } },
        },
            s("rect", { width: box.width, height: box.height, rx: 10 }),
            plain ? null : s("text", { x: 12, y: box.open ? 18 : 20, class: "name" }, `${box.open ? "▾" : "▸"} ${name}`),
            plain || box.open ? null : s("text", { x: 12, y: 36, class: "detail" }, `${type ? `${type}, ` : ""}${group.size} operations`),
            s("title", {}, `${group.name} ${type}`));
    }

    private drawNode(box: Box, plain: boolean): SVGElement {
        const node = box.node!, attention = this.index.attention.has(node.id);
        const classes = ["node", node.kind, attention ? "attention" : "", node.id === this.index.tape.result ? "result" : "", node.id === this.selected ? "selected" : ""];
        const choose = (): void => this.onSelect(node.id);
        return s("g", {
            class: classes.join(" "), "data-item": box.item, "data-node": node.id, "data-attention": attention ? "" : undefined, tabindex: 0, role: "button",
            "aria-label": `${title(node)} ${shapeText(node.shape)}`, transform: `translate(${box.x} ${box.y})`,
            onclick: (event: Event) => { event.stopPropagation(); choose(); },
            onkeydown: (event: KeyboardEvent) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } },
        },
            s("rect", { width: box.width, height: box.height, rx: node.kind === "operation" ? 6 : 16 }),
            plain ? null : s("text", { x: box.width / 2, y: box.height / 2 - 3, class: "name" }, title(node)),
            plain ? null : s("text", { x: box.width / 2, y: box.height / 2 + 12, class: "detail" }, box.detail),
            s("title", {}, `${title(node)} ${shapeText(node.shape)}${node.saved_bytes === undefined ? "" : `, keeps ${bytes(node.saved_bytes)}`}`));
    }

    private listen(): void {
        const svg = this.svg as unknown as HTMLElement;
        let from: { x: number; y: number } | null = null;
        svg.addEventListener("wheel", (event) => {
            event.preventDefault();
            const place = svg.getBoundingClientRect();
            if (event.ctrlKey || event.metaKey || !event.shiftKey) this.zoom(Math.exp(-event.deltaY * 0.0015), { x: event.clientX - place.left, y: event.clientY - place.top });
            else {
                this.view.x -= event.deltaX + event.deltaY;
                this.schedule();
            }
        }, { passive: false });
        svg.addEventListener("pointerdown", (event) => { if (!(event.target as Element).closest("[data-item]") || (event.target as Element).closest(".open")) from = { x: event.clientX, y: event.clientY }; });
        window.addEventListener("pointermove", (event) => {
            if (!from) return;
            this.view.x += event.clientX - from.x;
            this.view.y += event.clientY - from.y;
            from = { x: event.clientX, y: event.clientY };
            this.schedule();
        });
        window.addEventListener("pointerup", () => { from = null; });
        this.element.addEventListener("keydown", (event) => {
            const pans: Record<string, [number, number]> = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
            const pan = pans[event.key];
            if (pan) {
                this.view.x += pan[0];
                this.view.y += pan[1];
                this.schedule();
            } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
            else if (event.key === "-") this.zoom(0.8);
            else if (event.key === "f") this.fit();
            else return;
            event.preventDefault();
        });
    }
}
