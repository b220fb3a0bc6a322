// The page: tabs, the panel beside the graph, theme, shortcuts, and the address that keeps its state.
import { Index, parse, type Tape } from "./data.ts";
import { AttentionView } from "./attention.ts";
import { details } from "./details.ts";
import { h } from "./dom.ts";
import { GraphView } from "./graph_view.ts";
import { TableView } from "./table.ts";
import { TimelineView } from "./timeline.ts";

type Tab = "graph" | "attention" | "training" | "table";
const tabs: [Tab, string][] = [["graph", "Graph"], ["attention", "Attention"], ["training", "Training"], ["table", "Table"]];

const app = document.getElementById("app")!;

/** What the browser remembers for this page; nothing where it may not. */
const memory = {
    get: (key: string): string | null => {
        try {
            return localStorage.getItem(key);
        } catch {
            return null;
        }
    },
    set: (key: string, value: string): void => {
        try {
            localStorage.setItem(key, value);
        } catch {
            // then it is forgotten
        }
    },
};

function setTheme(theme: "light" | "dark"): void {
    document.documentElement.dataset["theme"] = theme;
}
const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const remembered = memory.get("tapehead-theme");
setTheme(remembered === "light" || remembered === "dark" ? remembered : preferred);

function shortcuts(): HTMLDialogElement {
    const keys: [string, string][] = [["1 – 4", "graph, attention, training, table"], ["Tab, Enter", "reach and open layers, choose operations"], ["arrows", "move the graph; in a heat map, from number to number"],
        ["+  −  f", "zoom in, zoom out, fit"], ["[  ]", "the head before, the next head"], ["t", "light or dark"], ["?", "this list"]];
    return h("dialog", { "aria-label": "Keyboard shortcuts" }, h("h2", {}, "Keys"), h("dl", { class: "rows" }, keys.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
        h("form", { method: "dialog" }, h("button", {}, "Close")));
}

function start(tape: Tape): void {
    document.title = `${tape.title} · Tapehead`;
    const index = new Index(tape);
    let tab: Tab = "graph", selected: number | null = null;

    const panel = h("aside", { class: "panel", "aria-label": "Details", tabindex: -1 });
    const graph = new GraphView(index, (id) => select(id, false));
    const attention = new AttentionView(index, () => save());
    const timeline = new TimelineView(tape.snapshots);
    const table = new TableView(index, (id) => {
        open("graph");
        select(id, true);
    });
    const graphPage = h("div", { class: "split" }, graph.element, panel);
    const pages: Record<Tab, HTMLElement> = { graph: graphPage, attention: attention.element, training: timeline.element, table: table.element };
    const help = shortcuts();
    const buttons = new Map(tabs.map(([name, text]) => [name, h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `page-${name}`, onclick: () => open(name) }, text)]));

    function select(id: number, move: boolean): void {
        selected = id;
        graph.select(id, move);
        panel.replaceChildren(details(index, id, { select: (other) => select(other, true), attend: (node) => {
            attention.open(node);
            open("attention");
        } }));
        panel.scrollTop = 0;
        save();
    }

    function open(name: Tab): void {
        tab = name;
        for (const [other, button] of buttons) {
            button.setAttribute("aria-selected", String(other === name));
            pages[other].hidden = other !== name;
        }
        if (name === "training") timeline.draw();
        save();
    }

    function save(): void {
        const place = tab === "attention" ? attention.place : (selected ?? "");
        history.replaceState(null, "", `#${tab}/${place}`);
    }

    function toggleTheme(): void {
        const theme = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
        setTheme(theme);
        memory.set("tapehead-theme", theme);
        attention.draw();
        timeline.repaint();
        if (selected !== null) select(selected, false);
    }

    const operations = tape.nodes.filter((node) => node.kind === "operation").length;
    for (const [name] of tabs) {
        pages[name].id = `page-${name}`;
        pages[name].setAttribute("role", "tabpanel");
        pages[name].setAttribute("aria-labelledby", `tab-${name}`);
    }
    app.replaceChildren(
        h("header", { class: "top" }, h("h1", {}, tape.title), h("span", { class: "note" }, `${operations} operations, ${tape.nodes.length - operations} inputs and parameters, ${tape.scalar}`),
            h("nav", { role: "tablist", "aria-label": "Views" }, [...buttons.values()]),
            h("button", { type: "button", class: "theme", "aria-label": "Light or dark", title: "Light or dark (t)", onclick: toggleTheme }, "◐"),
            h("button", { type: "button", "aria-label": "Keyboard shortcuts", title: "Keys (?)", onclick: () => help.showModal() }, "?")),
        h("main", {}, Object.values(pages)), help);
    panel.append(h("p", { class: "empty" }, "Choose an operation: its formula, its value and the gradient that came back to it appear here. Layers open with a click."));

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest("input[type=search]")) return;
        const number = Number(event.key);
        if (event.key === "?") help.showModal();
        else if (event.key === "t") toggleTheme();
        else if (1 <= number && number <= tabs.length) open(tabs[number - 1]![0]);
    });

    const [name, place] = location.hash.slice(1).split("/");
    open(tabs.some(([known]) => known === name) ? (name as Tab) : "graph");
    if (name === "attention" && place) attention.restore(place);
    else if (place && index.nodes.has(Number(place))) select(Number(place), true);
}

/** Without data: how to make some, and a way to open a file of it. */
function welcome(message = ""): void {
    const load = async (file: File | undefined): Promise<void> => {
        if (!file) return;
        try {
            const tape = parse(await file.text());
            if (tape) start(tape);
        } catch (error) {
            welcome(`${file.name}: ${error instanceof Error ? error.message : String(error)}`);
        }
    };
    const input = h("input", { type: "file", accept: ".json,application/json", onchange: () => void load(input.files?.[0]) });
    app.replaceChildren(h("main", { class: "welcome", ondragover: (event: DragEvent) => event.preventDefault(), ondrop: (event: DragEvent) => {
        event.preventDefault();
        void load(event.dataTransfer?.files[0]);
    } },
        h("h1", {}, "Tapehead"), h("p", {}, "This page shows the tape of a model: its operations, values, gradients and attention. It holds none yet."),
        h("pre", {}, "study::Recorder recorder(model);\nconst Tensor loss = ...;\nloss.backward();\nstudy::write_html(Tape(loss, recorder), \"tape.html\");"),
        h("p", {}, "writes one that does. Or open what study::to_json gave: ", input), message ? h("p", { class: "error", role: "alert" }, message) : null));
}

try {
    const tape = parse(document.getElementById("tape-data")?.textContent ?? "null");
    if (tape) start(tape);
    else welcome();
} catch (error) {
    welcome(error instanceof Error ? error.message : String(error));
}
