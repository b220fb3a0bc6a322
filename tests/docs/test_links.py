# What the link check of the documentation, docs/site/links.py, accepts and what it finds.
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs/site"))
import links
import markdown


class Folder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name).resolve()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Headings(unittest.TestCase):
    def test_an_anchor_has_no_signs_and_a_number_where_it_comes_again(self):
        page = ["# A page: `code`, and [a link](x.md)", "## Files", "text", "## Files", "### Tᵀ x_1"]
        self.assertEqual(markdown.anchors(page), {0: "a-page-code-and-a-link", 1: "files", 3: "files-1", 4: "tᵀ-x_1"})

    def test_code_has_no_headings(self):
        page = ["# Page", "", "    # indented", "", "```", "# fenced", "```", "## Section"]
        self.assertEqual(markdown.anchors(page), {0: "page", 7: "section"})


class MarkdownLinks(Folder):
    def complaints(self, page):
        self.write("docs/page.md", page)
        self.write("README.md", "# Top\n\n## A part\n")
        self.write("code.cpp", "")
        return list(links.markdown_complaints(self.folder))

    def test_links_that_lead_somewhere_are_accepted(self):
        page = ("# Page\n[a](../README.md) [b](../README.md#a-part) [c](#page) [d](../code.cpp#L3) ![e](../code.cpp) [f](https://a.org/b)\n"
                "\n[g]: ../code.cpp\n\n`[h](nowhere.md)`\n\n    [i](nowhere.md)\n\n```\n[j](nowhere.md)\n```\n")
        self.assertEqual(self.complaints(page), [])

    def test_each_link_that_leads_nowhere_is_named_with_its_line(self):
        page = "# Page\n[a](nowhere.md)\n[b](../README.md#another)\n![c](nowhere.png)\n[d](#none)\n[e](../code.cpp#part)\n[f](../../x)\n"
        found = self.complaints(page)
        self.assertEqual([complaint.split(": ")[0] for complaint in found], [f"docs/page.md:{line}" for line in range(2, 8)])
        self.assertIn("docs/page.md:3: no such heading: ../README.md#another", found)

    def test_definitions_pictures_in_links_and_html_are_read_too(self):
        page = "# Page\n[a]: nowhere\n\n[![b](nowhere.png)](../code.cpp)\n<img alt='c' src=\"nowhere.svg\">\n"
        self.assertEqual(len(self.complaints(page)), 3)

    def test_a_link_over_two_lines_is_named(self):
        self.assertEqual(len(self.complaints("# Page\n[a\nb](../README.md)\n")), 1)

    def test_an_address_elsewhere_is_well_formed_and_of_https(self):
        for address in "http://a.org", "https://", "https://nodot/x", "ftp://a.org":
            self.assertEqual(len(self.complaints(f"# Page\n[a]({address})\n")), 1, address)

    def test_build_folders_are_passed_over(self):
        self.write("build/x.md", "[a](nowhere.md)")
        self.write("page/node_modules/x.md", "[a](nowhere.md)")
        self.assertEqual(self.complaints("# Page\n"), [])


class HtmlLinks(Folder):
    def complaints(self, body):
        self.write("page.html", body)
        self.write("other.html", '<p id="part"></p>')
        return list(links.html_complaints(self.folder))

    def test_links_that_lead_somewhere_are_accepted(self):
        self.assertEqual(self.complaints('<a name="x" href="other.html#part"></a><a href="#x"></a><a href="javascript:f()"></a>'), [])

    def test_links_that_lead_nowhere_are_named(self):
        for link in "none.html", "other.html#none", "#none", "http://a.org":
            self.assertEqual(len(self.complaints(f'<a href="{link}"></a>')), 1, link)
        self.assertEqual(len(self.complaints('<img src="none.png">')), 1)

    def test_the_tree_of_pages_is_read_too(self):
        self.write("navtreedata.js", '[["A", "other.html#part", null], ["B", "other.html#none", null]]')
        self.assertEqual(self.complaints(""), ["navtreedata.js:1: no such anchor: other.html#none"])

    def test_a_folder_without_pages_is_no_site(self):
        self.assertEqual(len(list(links.html_complaints(self.folder))), 1)


if __name__ == "__main__":
    unittest.main()
