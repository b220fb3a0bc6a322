// Bundles src/ into dist/page.html, one file that needs nothing else. `npm run build`.
import { build } from "esbuild";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const bundle = async (entry, options) =>
    (await build({ entryPoints: [entry], bundle: true, minify: true, write: false, legalComments: "inline", ...options })).outputFiles[0].text;

const script = await bundle("src/main.ts", { format: "iife", target: "es2022", charset: "utf8" });
const style = await bundle("src/style.css", { charset: "utf8" });
const place = (html, mark, text) => html.replace(mark, () => text);
const html = [["/*style*/", style], ["/*script*/", script.replaceAll("</script", "<\\/script")]]
    .reduce((page, [mark, text]) => place(page, mark, text.trimEnd()), readFileSync("src/page.html", "utf8"));
mkdirSync("dist", { recursive: true });
writeFileSync("dist/page.html", html);
console.log(`dist/page.html: ${Math.ceil(html.length / 1024)} KiB`);
