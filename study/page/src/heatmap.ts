// A matrix as a heat map on a canvas: hover or arrow keys read out a number, as it is in the data.
import { elements, format, real, short, shapeText, type Num, type Numbers } from "./data.ts";
import { h } from "./dom.ts";

export interface HeatMapOptions {
    label: string; // for screen readers
    rowLabels?: string[] | undefined;
    columnLabels?: string[] | undefined;
    width?: number; // at most, in pixels
    onRow?: (row: number | null) => void; // a row is pointed at
    onPick?: (row: number) => void; // a row is clicked, or chosen with Enter
}

/** Where a colour stands: −1 to 1 around 0, NaN for what is not finite. */
const scaled = (x: number, largest: number): number => (Number.isFinite(x) ? (largest > 0 ? x / largest : 0) : NaN);

/** Blue below 0, red above; on dark ground from the ground's own colour, so that 0 is calm. */
function colour(t: number, dark: boolean): string {
    if (Number.isNaN(t)) return dark ? "#3a3a44" : "#d9d9e0";
    const ground = dark ? [30, 32, 40] : [250, 250, 252];
    const ends = t < 0 ? (dark ? [96, 165, 250] : [37, 99, 235]) : dark ? [251, 146, 60] : [217, 70, 16];
    const a = Math.min(1, Math.abs(t)) ** 0.7;
    return `rgb(${ground.map((g, i) => Math.round(g + (ends[i]! - g) * a)).join(" ")})`;
}

export class HeatMap {
    readonly element: HTMLElement;
    private readonly canvas = h("canvas", { tabindex: 0, role: "img" });
    private readonly readout = h("output", { class: "readout", "aria-live": "polite" }, "\u00a0");
    private readonly values: Num[];
    private readonly cell: { width: number; height: number };
    private readonly largest: number;
    private readonly left: number;
    private readonly top: number;
    private at: { row: number; column: number } | null = null;
    private marked: number | null = null;

    constructor(private readonly numbers: Numbers, private readonly options: HeatMapOptions) {
        this.values = elements(numbers);
        const finite = this.values.map(real).filter(Number.isFinite).map(Math.abs);
        this.largest = finite.reduce((a, b) => Math.max(a, b), 0);
        const letters = (labels?: string[]): number => (labels ? Math.min(12, Math.max(...labels.map((label) => label.length))) : 0);
        this.left = options.rowLabels ? 8 + 7 * letters(options.rowLabels) : 0;
        this.top = options.columnLabels ? 18 : 0;
        const room = (options.width ?? 340) - this.left;
        const width = Math.max(2, Math.min(44, Math.floor(room / Math.max(1, numbers.columns))));
        const height = Math.max(2, Math.min(26, width, Math.floor(360 / Math.max(1, numbers.rows))));
        this.cell = { width, height: Math.max(height, numbers.rows <= 16 ? Math.min(width, 20) : 2) };
        this.element = h("figure", { class: "heatmap" }, this.canvas, this.readout);
        this.canvas.setAttribute("aria-label", `${options.label}, ${numbers.rows} by ${numbers.columns}; arrow keys read numbers`);
        this.canvas.dataset["rows"] = String(numbers.rows);
        this.canvas.dataset["columns"] = String(numbers.columns);
        this.listen();
        this.draw();
    }

    /** Frames a row, or none. */
    mark(row: number | null): void {
        if (row === this.marked) return;
        this.marked = row;
        this.draw();
    }

    draw(): void {
        const { canvas, cell, left, top } = this;
        const { rows, columns } = this.numbers;
        const ratio = window.devicePixelRatio || 1;
        const width = left + columns * cell.width + 2, height = top + rows * cell.height + 2;
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
        const c = canvas.getContext("2d");
        if (!c) return;
        c.scale(ratio, ratio);
        const styles = getComputedStyle(document.documentElement);
        const dark = document.documentElement.dataset["theme"] === "dark";
        const ink = styles.getPropertyValue("--ink").trim() || "#222", faint = styles.getPropertyValue("--faint").trim() || "#888";
        const gap = cell.width > 6 && cell.height > 6 ? 1 : 0;
        c.font = "11px system-ui, sans-serif";
        c.textBaseline = "middle";
        for (let i = 0; i < rows; ++i)
            for (let j = 0; j < columns; ++j) {
                const value = this.values[i * columns + j]!, t = scaled(real(value), this.largest);
                c.fillStyle = colour(t, dark);
                c.fillRect(left + j * cell.width + 1, top + i * cell.height + 1, cell.width - gap, cell.height - gap);
                if (cell.width < 34 || cell.height < 14) continue;
                c.fillStyle = Math.abs(t) > 0.55 ? (dark ? "#111" : "#fff") : ink;
                c.textAlign = "center";
                c.font = "10px system-ui, sans-serif";
                c.fillText(short(value), left + (j + 0.5) * cell.width + 1, top + (i + 0.5) * cell.height + 1, cell.width - 4);
            }
        c.font = "11px system-ui, sans-serif";
        c.fillStyle = faint;
        c.textAlign = "right";
        if (cell.height >= 9) this.options.rowLabels?.forEach((label, i) => c.fillText(label, left - 4, top + (i + 0.5) * cell.height + 1, left - 4));
        c.textAlign = "center";
        if (cell.width >= 9) this.options.columnLabels?.forEach((label, j) => c.fillText(label, left + (j + 0.5) * cell.width + 1, 9, cell.width));
        c.strokeStyle = ink;
        c.lineWidth = 1.5;
        if (this.marked !== null) c.strokeRect(left + 0.75, top + this.marked * cell.height + 0.5, columns * cell.width + 0.5, cell.height);
        if (this.at) c.strokeRect(left + this.at.column * cell.width + 0.75, top + this.at.row * cell.height + 0.75, cell.width, cell.height);
    }

    private show(row: number, column: number): void {
        this.at = { row, column };
        const value = this.values[row * this.numbers.columns + column]!;
        const name = (labels: string[] | undefined, i: number): string => (labels?.[i] !== undefined ? `${i} “${labels[i]}”` : String(i));
        const what = this.numbers.values ? "" : " (mean of a block)";
        this.readout.textContent = `row ${name(this.options.rowLabels, row)}, column ${name(this.options.columnLabels, column)}: ${format(value)}${what}`;
        this.canvas.dataset["row"] = String(row);
        this.canvas.dataset["column"] = String(column);
        this.canvas.dataset["value"] = String(value);
        this.options.onRow?.(row);
        this.draw();
    }

    private listen(): void {
        const { canvas, cell, left, top } = this;
        const { rows, columns } = this.numbers;
        const find = (event: MouseEvent): { row: number; column: number } | null => {
            const row = Math.floor((event.offsetY - top - 1) / cell.height), column = Math.floor((event.offsetX - left - 1) / cell.width);
            return 0 <= row && row < rows && 0 <= column && column < columns ? { row, column } : null;
        };
        canvas.addEventListener("mousemove", (event) => {
            const place = find(event);
            if (place) this.show(place.row, place.column);
        });
        canvas.addEventListener("mouseleave", () => {
            this.at = null;
            this.readout.textContent = "\u00a0";
            this.options.onRow?.(null);
            this.draw();
        });
        canvas.addEventListener("click", (event) => {
            const place = find(event);
            if (place) this.options.onPick?.(place.row);
        });
        canvas.addEventListener("keydown", (event) => {
            const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
            const step = steps[event.key];
            if (event.key === "Enter" && this.at) this.options.onPick?.(this.at.row);
            if (!step || rows * columns === 0) return;
            event.preventDefault();
            event.stopPropagation();
            const { row, column } = this.at ?? { row: 0, column: 0 };
            if (!this.at) this.show(0, 0);
            else this.show(Math.min(rows - 1, Math.max(0, row + step[0])), Math.min(columns - 1, Math.max(0, column + step[1])));
        });
    }
}

/** Bars of a histogram. */
function histogram(x: Numbers): HTMLElement | null {
    if (!x.histogram) return null;
    const most = Math.max(1, ...x.histogram.counts);
    return h("div", { class: "histogram", role: "img", "aria-label": `histogram from ${format(x.histogram.lower)} to ${format(x.histogram.upper)}` },
        x.histogram.counts.map((count) => h("i", { style: `height:${Math.max(count ? 4 : 0, (100 * count) / most)}%`, title: String(count) })),
        h("span", { class: "lower" }, short(x.histogram.lower)), h("span", { class: "upper" }, short(x.histogram.upper)));
}

/** A heat map with its statistics beside. */
export function numbersView(x: Numbers, options: HeatMapOptions): HTMLElement {
    const facts: [string, string][] = [["min", format(x.min)], ["max", format(x.max)], ["mean", format(x.mean)], ["std", format(x.std)], ["norm", format(x.norm)]];
    if (x.zeros) facts.push(["zeros", String(x.zeros)]);
    if (x.nonfinite) facts.push(["not finite", String(x.nonfinite)]);
    const shown = x.rows * x.columns === 0 ? h("p", { class: "note" }, "no elements") : new HeatMap(x, options).element;
    return h("div", { class: "numbers" }, shown,
        x.means ? h("p", { class: "note" }, `${shapeText(x.shape)} shown as means over ${x.rows} × ${x.columns} blocks`) : null,
        h("div", { class: "facts" }, h("dl", {}, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), histogram(x)));
}
