"""Writes what Doxygen makes the site of: each file as it is to read it, the navigation, and its settings.

A header of the library: the comment at its head becomes its description, as a file and as a topic of its room; the inline namespace of
the number type, which no program names, is left out. Other C++ (sources, internal headers, examples): the description alone; the site
has their text. A page in Markdown: relative links and headings become the site's. Every line stays where it is, for warnings.
"""

import pathlib
import re
import shutil
import subprocess
import sys
from xml.sax.saxutils import quoteattr

import markdown

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"build", "node_modules", "tests"}
ROOMS = ["autograd", "layers", "optim", "data", "io", "study", "testing", "distributed"]
FOLDERS = {"autograd/ops": "Operations, one function each, in files by family."}
GUIDES = ["install", "tutorial", "attention", "xtensor", "extending", "files", "pytorch", "migration", "distributed", "reliability", "performance", "architecture"]


def files(folder, *suffixes):
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in SKIPPED and not path.name.startswith("."):
            yield from files(path, *suffixes)
        elif path.suffix in suffixes:
            yield path.relative_to(ROOT)


def ordered(names, order):
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def pages():
    return list(files(ROOT, ".md"))


def rooms():
    """The folders with public headers: those that have a place in the order, and after them all with an umbrella header."""
    found = {path.name for path in ROOT.iterdir() if (path / f"{path.name}.hpp").exists()}
    return ordered(found | {room for room in ROOMS if (ROOT / room).exists()}, ROOMS)


def code():
    """The C++ files of the site."""
    found = [pathlib.Path("tapehead.hpp")]
    for folder in [*rooms(), "examples"]:
        found += files(ROOT / folder, ".hpp", ".cpp")
    return found


def guides():
    """The pages of docs/, first those that have a place in the order."""
    return ordered([path.stem for path in (ROOT / "docs").glob("*.md")], GUIDES)


# C++


def head_comment(lines):
    """The comment that a file begins with, without its slashes."""
    comment = []
    for line in lines:
        if not line.startswith("//"):
            break
        comment.append(line[2:].rstrip())
    return comment


def first_paragraph(comment):
    return " ".join(line.strip() for line in comment[: len(comment) - len(rest(comment))])


def rest(comment):
    return comment[comment.index("") :] if "" in comment else []


def is_public(path, comment):
    hidden = "kernels" in path.parts or path.parts[0] not in rooms() and path.name != "tapehead.hpp"
    return path.suffix == ".hpp" and not hidden and "not part of the umbrella header" not in " ".join(" ".join(comment).split()).lower()


def trailing_comment(line):
    """`T a, b;  ///< doc` so that Doxygen gives the comment to both names, and does not join it with one on the next line."""
    commented = re.match(r"(.*?)\s*///< (.*)$", line)
    if not commented:
        return line
    code, text = commented.groups()
    if re.fullmatch(r"\s+\w+(, \w+)*,?", code):  # values of an enumeration
        return " ".join(f"{name}, /**< @brief {text} */" for name in re.findall(r"\w+", code))
    declaration = re.match(r"(\s+)([\w:<>]+(?: [\w:<>]+)*?) (\w+[^,;()]*(?:, \w+[^,;()]*)+);$", code)
    if not declaration:
        return f"{code} /**< @brief {text} */"
    indent, kind, names = declaration.groups()
    return indent + " ".join(f"{kind} {name}; /**< @brief {text} */" for name in names.split(", "))


def marked_code(lines):
    """Docstrings with the code in them marked: in `///`, four spaces more are not enough for Doxygen."""
    result, is_code = list(lines), [bool(re.match(r" *///     ", line)) for line in lines] + [False, False]
    for number, line in enumerate(lines):
        if is_code[number] and lines[number - 1].strip() == "///" and not is_code[number - 2]:
            result[number - 1] += " @begincode"
        goes_on = is_code[number + 1] or is_code[number + 2] and lines[number + 1].strip() == "///"
        if is_code[number] and not goes_on:
            result[number] += " @endcode"
    return result


def header(path, lines):
    comment = head_comment(lines)
    if path.stem == path.parent.name:
        return umbrella(path, comment)
    topic = "-".join(["api", *path.with_suffix("").parts])
    start = next((i for i, line in enumerate(lines) if line.startswith("namespace tapehead")), len(lines))
    described = ["/// @file", f"/// {first_paragraph(comment)}"]
    if path.name == "tapehead.hpp":
        described += namespaces()
    if start < len(lines):
        described += [f"/// @topic{{{topic},{path.name},@ingroup {topic.removesuffix('-' + path.stem)}}}",
                      f"/// {first_paragraph(comment)} @including{{{path}}}"]
        described += ["///" + line for line in rest(comment)]
    body = []
    for line in lines[start:]:
        line = trailing_comment(line.replace("::inline TAPEHEAD_SCALAR", ""))
        line = re.sub(r"^(\s+)friend (.*operator)", r"\1\2", line)  # Doxygen leaves out friends of a class that is in a topic
        if re.match(r"namespace tapehead(::\w+)? \{$", line) and "::detail" not in line:
            line = f"{line} /** @opentopic{{{topic}}} */"
        elif re.match(r"\}  // namespace tapehead(::\w+)?$", line) and "::detail" not in line:
            line = "/** @} */ " + line
        body.append(line)
    return described + [""] * (start - len(described)) + body


def namespaces():
    """The docstrings of the namespaces: where their names are declared."""
    found = {"tapehead": "`#include <tapehead/tapehead.hpp>`"}
    for path in filter(lambda path: is_public(path, []), code()):
        text = (ROOT / path).read_text(encoding="utf-8").replace("tapehead::inline TAPEHEAD_SCALAR::", "")
        for name in re.findall(r"^namespace (\w+) \{", text, re.MULTILINE):
            place = f"{name}/{name}.hpp" if name in rooms() else path.as_posix()
            found.setdefault(f"tapehead::{name}", f"`#include <tapehead/{place}>`")
    return [line for name, text in found.items() if name != "tapehead::detail" for line in (f"/// @namespace {name}", f"/// {text}")]


def umbrella(path, comment):
    """The header of a room: with the topics of the room and of the folders within it."""
    described = ["/// @file"] + ["///" + line for line in comment]
    described += [f"/// @topic{{api-{path.stem},{path.stem}/,}}", f"/// {first_paragraph(comment)} @including{{{path}}}",
                  f"/// @dir {path.parent}", f"/// {first_paragraph(comment)}"]
    for folder in sorted({header.parent for header in files(ROOT / path.parent, ".hpp") if is_public(header, [])} - {path.parent}):
        described += [f"/// @defgroup api-{'-'.join(folder.parts)} {folder.name}/", f"/// @ingroup api-{path.stem}",
                      f"/// {FOLDERS.get(folder.as_posix(), 'Headers of this folder.')}"]
    return described


def listed(lines):
    """A file of which the site has the text alone."""
    return ["/// @file"] + ["///" + line for line in head_comment(lines)]


# Markdown


def page_name(path):
    """The name of a page in the site; Doxygen has pages of its own, such as "files"."""
    if path == pathlib.Path("README.md"):
        return "index"
    folders = ["guide" if folder == "docs" else folder for folder in path.parent.parts]
    return "-".join([*folders, *([] if path.stem == "README" else [path.stem])]).lower()


def page(path, lines, extra):
    """A page of the site; files that it refers to and that the site has not by itself are added to `extra`, path by name."""
    anchors, name, result = markdown.anchors(lines), page_name(path), []
    for number, (line, is_prose) in enumerate(zip(lines, markdown.prose(lines))):
        if number in anchors:
            top = "mainpage" if name == "index" else name
            line = f"{line} {{#{top if line.startswith('# ') else f'{name}-{anchors[number]}'}}}"
        elif is_prose:
            line = markdown.replace_links(line, lambda link: site_link(path, link, extra))
        elif line == "```text":
            line = "```{.txt}"
        result.append(line)
    return result


def site_link(path, link, extra):
    target, _, anchor = link["target"].partition("#")
    if re.match(r"[a-z]+:", link["target"]):
        return link[0]
    text = markdown.LINK.sub(lambda inner: site_link(path, inner, extra), link["text"])  # a picture that is a link
    place = (ROOT / path.parent / target).resolve().relative_to(ROOT) if target else path
    if place.suffix == ".md" and not link["image"]:
        return f"[{text}](@ref {page_name(place)}{'-' + anchor if anchor else ''})"
    if place in code():
        return f"[{text}](@ref {place.as_posix()})"
    if not (ROOT / place).is_file():
        return f"[{text}](@ref api-{place})" if place.as_posix() in rooms() else text
    name = "-".join(place.parts)
    extra[name] = ROOT / place
    return f'<img src="{name}" alt={quoteattr(text)}/>' if link["image"] else f'<a href="{name}">{text}</a>'


# The site


def title(path):
    return next(line[2:] for line in (ROOT / path).read_text(encoding="utf-8").splitlines() if line.startswith("# "))


def navigation(other_pages):
    def tab(name, text):
        return f'      <tab type="user" url="@ref {name}" title={quoteattr(text)}/>'

    guide_tabs = [tab(page_name(pathlib.Path(f"docs/{name}.md")), title(f"docs/{name}.md")) for name in guides()]
    project = [tab(page_name(path), title(path)) for path in other_pages]
    return "\n".join([
        "<navindex>", '    <tab type="mainpage" visible="yes" title="Tapehead"/>',
        '    <tab type="usergroup" url="[none]" title="Guides">', *guide_tabs, "    </tab>",
        '    <tab type="modules" visible="yes" title="Reference by folder" intro="The library by folder and header."/>',
        '    <tab type="classes" visible="yes" title="Reference by name">',
        '      <tab type="classlist" visible="yes" title="Types" intro="All types, with what they are for."/>',
        '      <tab type="classmembers" visible="yes" title="Members of types" intro=""/>',
        '      <tab type="namespacemembers" visible="yes" title="Functions and others" intro=""/>', "    </tab>",
        '    <tab type="filelist" visible="yes" title="Sources" intro="The sources, as they are read in README\'s order or by folder."/>',
        '    <tab type="usergroup" url="[none]" title="Project">', *project, "    </tab>", "  </navindex>"])


def layout(other_pages):
    """Doxygen's own layout with this navigation; what a type or topic is for comes before its members."""
    default = subprocess.run(["doxygen", "-l", "-"], check=True, capture_output=True, encoding="utf-8").stdout
    text = re.sub(r"<navindex>.*</navindex>", lambda _: navigation(other_pages), default, flags=re.DOTALL)
    for kind in "class", "concept", "group":
        first, last = text.index(f"<{kind}>"), text.index(f"</{kind}>")
        part = text[first:last].replace('<detaileddescription title=""/>', "")
        part = part.replace('<briefdescription visible="yes"/>', '<detaileddescription title="Description"/>')
        text = text[:first] + part + text[last:]
    return text


def main():
    out = ROOT / "build/docs"
    shutil.rmtree(out, ignore_errors=True)
    extra = {}
    for path in [*pages(), *code()]:
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        if path.suffix == ".md":
            lines = page(path, lines, extra)
        else:
            lines = marked_code(header(path, lines) if is_public(path, head_comment(lines)) else listed(lines))
        target = out / "filtered" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, path in extra.items():
        (out / "extra").mkdir(exist_ok=True)
        shutil.copyfile(path, out / "extra" / name)
    other_pages = [path for path in pages() if path.parent != pathlib.Path("docs") and path != pathlib.Path("README.md")]
    (out / "layout.xml").write_text(layout(other_pages), encoding="utf-8")
    (out / "Doxyfile").write_text("\n".join([
        (ROOT / "docs/site/Doxyfile").read_text(encoding="utf-8"),
        "LAYOUT_FILE = build/docs/layout.xml",
        "INPUT = " + " ".join(map(str, [*pages(), *code()])),
        "HTML_EXTRA_FILES = " + " ".join(f"build/docs/extra/{name}" for name in sorted(extra)), ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
