// Training over time: a slider through the snapshots, with loss, parameters and attention at each.
import uPlot from "uplot";
import { format, real, short, type Snapshot } from "./data.ts";
import { thumbnail } from "./attention.ts";
import { h } from "./dom.ts";

export class TimelineView {
    readonly element = h("section", { class: "timeline-view", "aria-label": "Training" });
    private readonly chart = h("div", { class: "chart" });
    private readonly content = h("div", { class: "snapshot" });
    private readonly slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "Snapshot", class: "slider" });
    private readonly playButton = h("button", { type: "button", "aria-label": "Play", onclick: () => this.play() }, "▶");
    private readonly logarithmic = h("input", { type: "checkbox", onchange: () => this.draw() });
    private plot: uPlot | null = null;
    private timer = 0;

    constructor(private readonly snapshots: Snapshot[]) {
        if (snapshots.length === 0) {
            this.element.append(h("p", { class: "empty" }, "No snapshots of training were recorded. study::Timeline takes them."));
            return;
        }
        this.slider.max = String(snapshots.length - 1);
        this.slider.value = this.slider.max;
        this.slider.addEventListener("input", () => this.show());
        this.element.append(this.chart, h("div", { class: "toolbar" }, this.playButton, this.slider, h("label", {}, this.logarithmic, " logarithmic")), this.content);
        this.show();
    }

    private get at(): number {
        return Number(this.slider.value);
    }

    private play(): void {
        if (this.timer) {
            clearInterval(this.timer);
            this.timer = 0;
        } else {
            if (this.at === this.snapshots.length - 1) this.slider.value = "0";
            this.timer = window.setInterval(() => {
                this.slider.value = String(this.at + 1);
                this.show();
                if (this.at === this.snapshots.length - 1) this.play();
            }, 600);
        }
        this.playButton.textContent = this.timer ? "⏸" : "▶";
        this.playButton.setAttribute("aria-label", this.timer ? "Pause" : "Play");
    }

    /** The loss curve, in the present theme and width; called when the view is shown. */
    draw(): void {
        if (this.snapshots.length === 0 || this.element.clientWidth === 0) return;
        const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--faint"), line = style.getPropertyValue("--accent");
        const axis = { stroke: ink, grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false } };
        this.plot?.destroy();
        const loss = this.snapshots.map((s) => (s.loss === undefined || !Number.isFinite(real(s.loss)) ? null : real(s.loss)));
        this.plot = new uPlot({
            width: this.element.clientWidth - 8, height: 220, scales: { x: { time: false }, y: this.logarithmic.checked ? { distr: 3 } : {} },
            cursor: { y: false }, legend: { live: true }, axes: [{ ...axis, label: "step" }, { ...axis, label: "loss", size: 60 }],
            series: [{ label: "step" }, { label: "loss", stroke: line, width: 2, points: { show: true, size: 5 } }],
            hooks: { draw: [(u) => {
                const x = u.valToPos(this.snapshots[this.at]!.step, "x", true);
                u.ctx.fillStyle = line;
                u.ctx.fillRect(x - 1, u.bbox.top, 2, u.bbox.height);
            }] },
        }, [this.snapshots.map((s) => s.step), loss], this.chart);
    }

    /** In the colours of another theme. */
    repaint(): void {
        if (this.snapshots.length === 0) return;
        this.draw();
        this.show();
    }

    private show(): void {
        const snapshot = this.snapshots[this.at]!;
        this.slider.setAttribute("aria-valuetext", `step ${snapshot.step}`);
        const scopes = new Map<string, NonNullable<Snapshot["attention"]>>();
        for (const map of snapshot.attention ?? []) scopes.set(map.scope, [...(scopes.get(map.scope) ?? []), map]);
        const largest = Math.max(...(snapshot.parameters ?? []).map((p) => (p.update_ratio === undefined ? 0 : real(p.update_ratio))), 1e-12);
        this.content.replaceChildren(
            h("h2", { "data-step-shown": snapshot.step }, `Step ${snapshot.step}`, snapshot.loss === undefined ? null : h("small", {}, ` loss ${format(snapshot.loss)}`)),
            h("div", { class: "overview" }, [...scopes].map(([scope, maps]) => h("div", { class: "layer" }, h("h3", {}, scope),
                h("div", { class: "maps" }, maps.map((map) => h("figure", { class: "thumb" }, thumbnail(map.weights, 96), h("figcaption", {}, `head ${map.head}`))))))),
            snapshot.parameters?.length ? h("table", { class: "parameters" },
                h("thead", {}, h("tr", {}, ["parameter", "norm", "gradient", "update / value"].map((name) => h("th", {}, name)))),
                h("tbody", {}, snapshot.parameters.map((p) => h("tr", {}, h("td", {}, p.name), h("td", {}, short(p.value_norm)), h("td", {}, p.gradient_norm === undefined ? "" : short(p.gradient_norm)),
                    h("td", { class: "bar" }, p.update_ratio === undefined ? "" : [h("i", { style: `width:${(70 * real(p.update_ratio)) / largest}%` }), short(p.update_ratio)]))))) : "");
        this.plot?.redraw();
    }
}
