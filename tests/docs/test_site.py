# How docs/site/prepare.py makes headers and pages into those of the documentation site.
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs/site"))
import prepare


class Prepared(unittest.TestCase):
    def write(self, folder, name, text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_a_comment_behind_several_names_is_given_to_each(self):
        self.assertEqual(prepare.trailing_comment("    Tensor weight, bias;  ///< of x"),
                         "    Tensor weight; /**< @brief of x */ Tensor bias; /**< @brief of x */")
        self.assertEqual(prepare.trailing_comment("    Real a = 0, b = f(1, 2);  ///< x"), "    Real a = 0, b = f(1, 2); /**< @brief x */")
        self.assertEqual(prepare.trailing_comment("    F64, F32,  ///< x"), "F64, /**< @brief x */ F32, /**< @brief x */")
        self.assertEqual(prepare.trailing_comment("Tensor exp(const Tensor& x, Real y);  ///< eˣ"),
                         "Tensor exp(const Tensor& x, Real y); /**< @brief eˣ */")

    def test_code_in_a_docstring_is_marked(self):
        self.assertEqual(prepare.marked_code(["/// A.", "///", "///     f();", "///", "///     g();", "///", "/// B.", "int x;", "/// C.",
                                              "///", "///     h();"]),
                         ["/// A.", "/// @begincode", "///     f();", "///", "///     g(); @endcode", "///", "/// B.", "int x;", "/// C.",
                          "/// @begincode", "///     h(); @endcode"])

    def test_lines_of_a_header_stay_where_they_are(self):
        path = pathlib.Path("autograd/ops/reduce.hpp")
        lines = (prepare.ROOT / path).read_text(encoding="utf-8").splitlines()
        result = prepare.header(path, lines)
        self.assertEqual(len(result), len(lines))
        self.assertEqual(result[lines.index("/// Σ x; 0 over nothing.")], "/// Σ x; 0 over nothing.")
        self.assertNotIn("TAPEHEAD_SCALAR", "\n".join(result))

    def test_internal_headers_have_no_reference(self):
        self.assertTrue(prepare.is_public(pathlib.Path("autograd/tensor.hpp"), []))
        for path, comment in [("autograd/kernels/gemm.hpp", []), ("examples/support/corpus.hpp", []), ("autograd/tensor.cpp", []),
                              ("io/x.hpp", [" Bytes. Not part of", " the umbrella header."])]:
            self.assertFalse(prepare.is_public(pathlib.Path(path), comment), path)

    def test_links_and_headings_of_a_page_become_the_site_s(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        folder, extra = pathlib.Path(scratch.name).resolve(), {}
        for name in "README.md", "tapehead.hpp", "layers/layers.hpp", "layers/x.cpp", "examples/y.cpp", "docs/a.json":
            self.write(folder, name, "")
        with unittest.mock.patch.object(prepare, "ROOT", folder):
            page = prepare.page(pathlib.Path("docs/page.md"), [
                "# Page", "## A part", "[a](../README.md) [b](other.md#its-part) [c](#a-part) [d](../layers/x.cpp) [e](a.json) [f](../layers)",
                "", "    [g](other.md)"], extra)
        self.assertEqual(page, [
            "# Page {#guide-page}", "## A part {#guide-page-a-part}",
            "[a](@ref index) [b](@ref guide-other-its-part) [c](@ref guide-page-a-part) [d](@ref layers/x.cpp) <a href=\"docs-a.json\">e</a> "
            "[f](@ref api-layers)",
            "", "    [g](other.md)"])
        self.assertEqual(extra, {"docs-a.json": folder / "docs/a.json"})


if __name__ == "__main__":
    unittest.main()
