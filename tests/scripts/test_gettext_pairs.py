# scripts/gettext-pairs on small catalogues made here: which messages become pairs, in what order, and what is said about the rest.
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts/gettext-pairs"
HEADER = {"": "Language: de\nContent-Type: text/plain; charset=UTF-8\n"}


def catalogue(messages, order="<", encoding="utf-8"):
    """A .mo file: magic, revision, count, two tables of (length, offset), their places; then the texts, each with a NUL."""
    pairs = sorted((source.encode(encoding), target.encode(encoding)) for source, target in messages.items())
    texts = [source for source, _ in pairs] + [target for _, target in pairs]
    offset, table, body = 28 + 8 * len(texts), b"", b""
    for text in texts:
        table += struct.pack(order + "2I", len(text), offset + len(body))
        body += text + b"\0"
    head = struct.pack(order + "7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + table + body


class GettextPairs(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, messages, **how):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(catalogue({**HEADER, **messages}, **how))

    def run_script(self, *arguments, env=None):
        return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, encoding="utf-8", env=env)

    def pairs(self, *arguments):
        done = self.run_script("--directory", self.folder, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def test_pairs_are_sorted_and_each_comes_once(self):
        self.write("a.mo", {"two words": "zwei Wörter", "a file": "eine Datei"})
        self.write("deeper/b.mo", {"a file": "eine Datei", "Zoo": "Tiergarten"})
        self.assertEqual(self.pairs(), [("Zoo", "Tiergarten"), ("a file", "eine Datei"), ("two words", "zwei Wörter")])

    def test_of_several_targets_the_one_of_most_catalogues_is_taken(self):
        self.write("a.mo", {"Open": "Auf"})
        self.write("b.mo", {"Open": "Öffnen", "Close": "Zu"})
        self.write("c.mo", {"Open": "Öffnen", "Close": "Schließen"})
        self.assertEqual(self.pairs(), [("Close", "Schließen"), ("Open", "Öffnen")])

    def test_a_message_with_plurals_or_a_context_gives_its_singular(self):
        self.write("a.mo", {"one file\0many files": "eine Datei\0viele Dateien", "menu\x04Print": "Drucken"})
        self.assertEqual(self.pairs(), [("Print", "Drucken"), ("one file", "eine Datei")])

    def test_marks_of_short_cuts_are_taken_out_and_names_stay(self):
        self.write("a.mo", {"_Open": "Ö_ffnen", "Save &As": "Speichern &unter", "Print": "印刷(_P)",
                            "set LC_ALL first": "zuerst LC_ALL setzen", "this & that": "dies & jenes"})
        self.assertEqual(dict(self.pairs()), {"Open": "Öffnen", "Save As": "Speichern unter", "Print": "印刷",
                                              "set LC_ALL first": "zuerst LC_ALL setzen", "this & that": "dies & jenes"})

    def test_what_is_no_sentence_is_left_out_and_counted(self):
        self.write("a.mo", {
            "kept: %s": "behalten: %s", "untranslated": "", "two\nlines": "zwei\nZeilen", "a\ttab": "ein\tTabulator",
            "a <b>bold</b> word": "ein <b>fettes</b> Wort", "ham &amp; eggs": "Speck &amp; Eier", "long " * 50: "lang " * 50,
            "-v, --verbose": "-v, --ausführlich", "one  two": "eins  zwei", "a;b;c;d": "e;f;g;h", "Europe/Rome": "Europa/Rom",
            "%s of %s": "%s von %s", "%d files": "%s Dateien", "1.5 (3/4) 12": "1,5 (3/4) 12", "same": "same",
            "no": "eine viel zu lange Übersetzung"})
        done = self.run_script("--directory", self.folder)
        self.assertEqual(done.stdout, "kept: %s\tbehalten: %s\n")
        for count, reason in [(1, "empty"), (2, "of several lines"), (2, "with markup"), (1, "too long"), (4, "in tables"),
                              (2, "with several or other directives"), (1, "with few letters"), (1, "with equal sides"),
                              (1, "of very different lengths")]:
            self.assertIn("%6d left out: %s\n" % (count, reason), done.stderr)
        self.assertTrue(done.stderr.endswith("     1 pairs\n"), done.stderr)

    def test_options_keep_equal_sides_and_limit_the_length(self):
        self.write("a.mo", {"same": "same", "longer text": "längerer Text"})
        self.assertEqual(self.pairs("--keep-identical", "--max-characters", "10"), [("same", "same")])

    def test_other_byte_orders_and_encodings_are_read(self):
        self.write("a.mo", {"a tree": "ein Bäumchen"}, order=">")
        self.write("b.mo", {"": HEADER[""].replace("UTF-8", "ISO-8859-1"), "size": "Größe"}, encoding="latin-1")
        self.assertEqual(self.pairs(), [("a tree", "ein Bäumchen"), ("size", "Größe")])

    def test_files_that_are_no_catalogues_are_passed_over_with_a_warning(self):
        self.write("a.mo", {"a tree": "ein Baum"})
        (self.folder / "b.mo").write_bytes(b"no catalogue")
        (self.folder / "c.mo").write_bytes(b"")
        (self.folder / "d.mo").write_bytes(catalogue({"cut": "short"})[:-9])
        (self.folder / "e.mo").write_bytes(catalogue({})[:20])
        done = self.run_script("--directory", self.folder)
        self.assertEqual(done.stdout, "a tree\tein Baum\n")
        for name in "b.mo", "c.mo", "d.mo":
            self.assertIn("passing over " + name, done.stderr)

    def test_without_catalogues_it_says_what_to_do(self):
        done = self.run_script("--directory", self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        for hint in "'de'", "--download", "iso-codes":
            self.assertIn(hint, done.stderr)

    def test_pairs_go_to_a_file(self):
        self.write("a.mo", {"a tree": "ein Baum"})
        self.assertEqual(self.pairs("--output", self.folder / "pairs.tsv"), [])
        self.assertEqual((self.folder / "pairs.tsv").read_text(encoding="utf-8"), "a tree\tein Baum\n")

    @unittest.skipUnless(shutil.which("dpkg-deb"), "needs dpkg-deb")
    def test_packages_are_read_without_installing_them(self):
        """A package of our own, and an apt-get that has only this one."""
        self.write("package/usr/share/locale/de/LC_MESSAGES/a.mo", {"a tree": "ein Baum"})
        self.write("package/usr/share/locale/fr/LC_MESSAGES/a.mo", {"a tree": "un arbre"})
        control = self.folder / "package/DEBIAN/control"
        control.parent.mkdir()
        control.write_text("Package: trees\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: trees\n")
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", self.folder / "package", self.folder / "trees.deb"],
                       check=True, stdout=subprocess.DEVNULL)
        apt_get = self.folder / "apt-get"
        apt_get.write_text('#!/bin/sh\ncase "$*" in *"download trees") cp "%s/trees.deb" . ;; *) exit 100 ;; esac\n' % self.folder)
        apt_get.chmod(0o755)
        env = {**os.environ, "PATH": "%s:%s" % (self.folder, os.environ["PATH"])}
        done = self.run_script("--download", "--language", "fr", "--package", "none", "trees", env=env)
        self.assertEqual(done.stdout, "a tree\tun arbre\n", done.stderr)
        self.assertIn("no package none", done.stderr)
        self.assertIn("     1 from trees", done.stderr)


if __name__ == "__main__":
    unittest.main()
