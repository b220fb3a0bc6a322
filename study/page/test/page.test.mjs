// The page in a headless Chromium: what a person would do with it, compared with the data it holds.
//
// TAPE_HTML names a page that write_html made of a model with attention; TAPE_SCREENSHOTS a folder for pictures (optional).
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import Ajv from "ajv";
import { chromium } from "playwright-core";
import { longTape } from "./sample.mjs";

const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const html = process.env.TAPE_HTML && resolve(process.env.TAPE_HTML);
const skip = !html ? "TAPE_HTML is not set" : !existsSync(chromiumPath) ? "there is no Chromium" : false;
const screenshots = process.env.TAPE_SCREENSHOTS;

let browser, page, tape;
const problems = [];

/** A number as the page writes it. */
const written = (x) => (x === "NaN" ? "NaN" : x === "Infinity" ? "∞" : x === "-Infinity" ? "−∞" : String(x).replaceAll("-", "−").replace("e+", "e"));

async function open(path, hash = "") {
    await page.goto(`${pathToFileURL(path)}${hash}`);
    await page.waitForSelector("[role=tablist]");
}

async function shot(name) {
    if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

/** Waits until the page has drawn what it was asked for. */
const drawn = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Moves over cells of a heat map and compares what is read out with the numbers. */
async function checkHeatMap(canvas, numbers) {
    const values = numbers.values ?? numbers.means;
    assert.equal(Number(await canvas.getAttribute("data-rows")), numbers.rows);
    assert.equal(Number(await canvas.getAttribute("data-columns")), numbers.columns);
    await canvas.focus();
    const readout = canvas.locator("xpath=../output");
    let row = 0, column = 0;
    await canvas.press("ArrowRight"); // the first key shows the first number
    for (const key of ["", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft"]) {
        if (key) await canvas.press(key);
        if (key === "ArrowRight") column = Math.min(column + 1, numbers.columns - 1);
        if (key === "ArrowLeft") column = Math.max(column - 1, 0);
        if (key === "ArrowDown") row = Math.min(row + 1, numbers.rows - 1);
        const text = await readout.textContent();
        const expected = written(values[row * numbers.columns + column]);
        assert.match(text, new RegExp(`^row ${row}\\b.*, column ${column}\\b.*: `), text);
        assert.equal(text.split(": ").at(-1).replace(" (mean of a block)", ""), expected);
    }
    const box = await canvas.boundingBox();
    await page.mouse.move(box.x + box.width - 5, box.y + box.height - 4); // the last number
    assert.equal(await canvas.getAttribute("data-value"), String(values.at(-1)));
}

before(async () => {
    if (skip) return;
    if (screenshots) mkdirSync(screenshots, { recursive: true });
    browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
    page = await (await browser.newContext({ viewport: { width: 1360, height: 860 }, colorScheme: "light" })).newPage();
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) problems.push(message.text()); });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) problems.push(`asked the network for ${request.url()}`); });
    await open(html);
    tape = JSON.parse(await page.locator("#tape-data").textContent());
});
after(async () => browser?.close());

test("the file is below 5 MB and asks for nothing else", { skip }, () => {
    assert.ok(statSync(html).size < 5e6, `${statSync(html).size} bytes`);
    assert.ok(tape.nodes.length > 50 && tape.attention.length > 0);
});

test("the data is as its schema says", { skip }, () => {
    const schema = JSON.parse(readFileSync(new URL("../../../docs/tape.schema.json", import.meta.url), "utf8"));
    const check = new Ajv({ allErrors: true }).compile(schema);
    assert.ok(check(tape), JSON.stringify(check.errors?.slice(0, 3)));
    assert.ok(!check({ ...tape, nodes: [{ ...tape.nodes[0], kind: "other" }] }) && !check({ ...tape, extra: 1 }));
    const ids = new Set();
    for (const node of tape.nodes) {
        assert.ok(node.inputs.every((input) => ids.has(input)), "inputs come first");
        ids.add(node.id);
    }
});

test("a layer opens and closes, by mouse and by keyboard", { skip }, async () => {
    await page.getByRole("button", { name: "Close all" }).click();
    await drawn();
    const items = async () => Number(await page.locator(".graph-view").getAttribute("data-items"));
    const closed = await items();
    const layer = page.locator(".graph .group:not(.open)").first(), name = await layer.getAttribute("data-scope");
    const same = page.locator(`.graph [data-scope="${name}"]`);
    await layer.click();
    await drawn();
    assert.equal(await same.getAttribute("aria-expanded"), "true");
    assert.ok((await items()) > closed);
    await same.focus();
    await same.press("Enter");
    await drawn();
    assert.equal(await same.getAttribute("aria-expanded"), "false");
    assert.equal(await items(), closed);
});

test("an attention node shows its formula, and its numbers are those of the data", { skip }, async () => {
    await page.getByRole("button", { name: "Open all" }).click();
    const call = tape.attention[0], node = tape.nodes.find((n) => n.id === call.node);
    await open(html, "#graph/"); // nothing chosen
    await page.reload();
    await drawn();
    for (const part of call.scope.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."))) {
        const group = page.locator(`.graph .group[data-scope="${part}"][aria-expanded="false"]`);
        if (await group.count()) await group.press("Enter");
        await drawn();
    }
    await page.locator(`.graph [data-node="${call.node}"]`).press("Enter");
    const details = page.locator(`.details[data-shown="${call.node}"]`);
    await details.waitFor();
    assert.ok((await details.textContent()).includes(`[${node.shape.join(", ")}]`));
    if (node.formula) assert.ok((await details.locator(".formula").first().textContent()).length > 3);
    await checkHeatMap(details.locator("[data-numbers=value] canvas"), node.value);
    await checkHeatMap(details.locator("[data-numbers=gradient] canvas"), node.gradient);
    await shot("graph");
    await details.locator(`[data-to="${node.inputs[0]}"]`).first().click();
    await page.locator(`.details[data-shown="${node.inputs[0]}"]`).waitFor();
    await page.locator(`[data-to="${call.node}"]`).first().click();
    await details.getByRole("button", { name: "Walk through" }).click();
    assert.ok(await page.locator(".attention-view").isVisible());
});

test("the walk through a head shows every step, forward and back, and changes head", { skip }, async () => {
    const call = tape.attention[0];
    for (const head of call.shown.slice(0, 2)) {
        await page.locator(`.attention-view [data-head="${head.head}"]`).click();
        for (const step of ["q", "k", "v", "scores", "masked_scores", "weights", "output"]) {
            await checkHeatMap(page.locator(`[data-step="${step}"] canvas`), head[step]);
            if (step !== "masked_scores") await checkHeatMap(page.locator(`[data-step="${step}.grad"] canvas`), head.gradients[step]);
        }
    }
    const weights = page.locator('[data-step="weights"]');
    await page.locator(".attention-view").press("]");
    assert.equal(await page.locator('.heads [aria-pressed="true"]').getAttribute("data-head"), String(call.shown[2 % call.shown.length].head));
    await page.locator(".attention-view .thumb").first().click();
    assert.ok(await weights.isVisible());
    await shot("attention");
});

test("the Jacobian of the softmax gives the gradient that the tape computed", { skip }, async () => {
    const call = tape.attention[0];
    if (call.softcap !== 0 || !call.shown[0].weights.values) return;
    const scale = Math.max(...call.shown[0].gradients.scores.values.map(Math.abs));
    for (const query of [0, call.queries - 1]) {
        await page.getByLabel("Query", { exact: true }).selectOption(String(query));
        const difference = Number(await page.locator('[data-step="softmax"]').getAttribute("data-difference"));
        assert.ok(difference <= 1e-4 * scale + 1e-12, `${difference} of ${scale}`);
    }
});

test("the theme changes, by button and by key, and is remembered", { skip }, async () => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "light");
    await page.getByRole("button", { name: "Light or dark" }).click();
    assert.equal(await theme(), "dark");
    await shot("attention-dark");
    await page.reload();
    assert.equal(await theme(), "dark");
    assert.ok(await page.locator(".attention-view").isVisible(), "the address keeps the view");
    await page.locator("body").press("t");
    assert.equal(await theme(), "light");
});

test("the slider goes through training", { skip }, async () => {
    await page.locator("body").press("3");
    const slider = page.getByLabel("Snapshot");
    if (tape.snapshots.length === 0) return assert.ok(await page.getByText("No snapshots").isVisible());
    await slider.focus();
    await slider.press("Home");
    assert.equal(await page.locator("[data-step-shown]").getAttribute("data-step-shown"), String(tape.snapshots[0].step));
    assert.ok((await page.locator("[data-step-shown]").textContent()).includes(written(tape.snapshots[0].loss)));
    await slider.press("ArrowRight");
    assert.equal(await page.locator("[data-step-shown]").getAttribute("data-step-shown"), String(tape.snapshots[1].step));
    assert.equal(await page.locator(".snapshot .thumb").count(), tape.snapshots[1].attention.length);
    await slider.press("End");
    await page.getByLabel("logarithmic").check();
    await shot("training");
});

test("the table lists, filters and leads back to the graph", { skip }, async () => {
    await page.locator("body").press("4");
    assert.ok((await page.locator(".table-view").textContent()).includes(`${tape.nodes.length} of ${tape.nodes.length}`));
    await page.getByLabel("Filter").fill("attention linear");
    const found = tape.nodes.filter((n) => n.operation === "linear" && n.scope.includes("attention"));
    assert.ok((await page.locator(".table-view").textContent()).includes(`${found.length} of ${tape.nodes.length}`));
    await shot("table");
    await page.locator(`[data-row-node="${found[0].id}"]`).click();
    await page.locator(`.details[data-shown="${found[0].id}"]`).waitFor();
    assert.ok(await page.locator(`.graph [data-node="${found[0].id}"]`).isVisible());
});

test("the shortcuts are listed, and a narrow window is enough", { skip }, async () => {
    await page.locator("body").press("?");
    assert.ok(await page.getByRole("dialog").isVisible());
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.setViewportSize({ width: 420, height: 800 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "nothing sticks out");
    await shot("narrow");
    await page.setViewportSize({ width: 1360, height: 860 });
});

test("5,000 operations open without a wait, and an empty page says what to do", { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "tape-")), empty = readFileSync(new URL("../dist/page.html", import.meta.url), "utf8");
    const long = join(folder, "long.html");
    writeFileSync(long, empty.replace('id="tape-data">null<', () => `id="tape-data">${JSON.stringify(longTape(5000))}<`));
    const timed = async (what) => {
        const start = performance.now();
        await what();
        await drawn();
        return Math.round(performance.now() - start);
    };
    const first = await timed(() => open(long));
    const all = await timed(() => page.getByRole("button", { name: "Open all" }).click());
    console.log(`5,000 operations: opened in ${first} ms, all layers in ${all} ms`);
    assert.ok(Number(await page.locator(".graph-view").getAttribute("data-items")) > 5000);
    assert.ok(first < 15000 && all < 30000); // hanging, not slow: the machines of tests are shared

    const bare = join(folder, "bare.html");
    writeFileSync(bare, empty);
    await page.goto(String(pathToFileURL(bare)));
    assert.ok((await page.locator("#app").textContent()).includes("study::write_html"));
    const json = join(folder, "tape.json");
    writeFileSync(json, JSON.stringify(tape));
    await page.locator("input[type=file]").setInputFiles(json);
    await page.waitForSelector("[role=tablist]");
});

test("nothing went wrong on the way", { skip }, () => assert.deepEqual(problems, []));
