# GPT-2's encoding, written anew from its description: bytes as characters, words by its pattern, merges by rank. Texts must have the same
# ids here and in Tapehead, with a vocabulary that Tapehead learned and with merges in an order of chance. Run as: test_byte_pairs.py
# PROGRAM, with the program that learns and encodes.
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata
import unittest

try:
    import regex
except ImportError:
    print("test_byte_pairs: skipped, there is no module regex (Debian: python3-regex)")
    sys.exit(77)

PROGRAM = sys.argv.pop(1)
PATTERN = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
END = "<|endoftext|>"

printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
others = [byte for byte in range(256) if byte not in printable]
CHARACTERS = {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}

POOLS = ["etaoin shrdlu", "ETAOIN", "0123456789½²٣४", "'s't're've'm'll'd", "äöüßéèçñÅ", "a\u0301e\u0308\u0323o\u20dd", "漢字仮名交じり文。、", "жукфЯ",
         "👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽❤️", " ", " ", "   ", "\n\t\r\v\f", "\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", "\x1c\x1f\u180e\u200b\ufeff\x00\x7f", ".,;:!?-–—_()„“",
         "क्षत्रिय", "שָׁלוֹם", "ไทย", "한국어", "𝒳𝟘𐍈"]


def words_like_english(rng, count):
    stems = ["the", "low", "new", "wid", "train", "attend", "don", "we", "Größe", "naïve", "漢字", "жук", "12", "1999", "😀"]
    ends = ["", "", "er", "est", "ing", "'s", "'t", "'ll", "'re", ",", ".", "\n", " ", "-"]
    return " ".join(rng.choice(stems) + rng.choice(ends) for _ in range(count))


def mixture(rng):
    if rng.random() < 0.3:
        return words_like_english(rng, 10)
    pieces = []
    for _ in range(rng.randrange(1, 25)):
        pool = rng.choice(POOLS)
        pieces.append(pool if rng.random() < 0.3 else "".join(rng.choice(pool) for _ in range(rng.randrange(1, 5))))
    return "".join(pieces)


class Encoder:
    def __init__(self, vocab, merges):
        self.vocab = json.loads(vocab.read_text(encoding="utf-8"))
        lines = merges.read_text(encoding="utf-8").split("\n")[1:-1]
        self.ranks = {tuple(line.split()): rank for rank, line in enumerate(lines)}
        self.cache = {}

    def join(self, word):
        parts = list(word)
        while len(parts) > 1:
            first = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, float("inf")))
            if first not in self.ranks:
                break
            joined, i = [], 0
            while i < len(parts):
                is_pair = tuple(parts[i:i + 2]) == first
                joined.append("".join(first) if is_pair else parts[i])
                i += 1 + is_pair
            parts = joined
        return [self.vocab[part] for part in parts]

    def encode(self, text):
        ids = []
        for i, part in enumerate(text.split(END)):
            ids += [self.vocab[END]] * (i > 0)
            for word in PATTERN.findall(part):
                if word not in self.cache:
                    self.cache[word] = self.join("".join(CHARACTERS[byte] for byte in word.encode("utf-8")))
                ids += self.cache[word]
        return ids


class BytePairs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.vocab, cls.merges = cls.folder / "vocab.json", cls.folder / "merges.txt"
        rng = random.Random(1)
        training = words_like_english(rng, 5000) + END.join(mixture(rng) for _ in range(500))
        (cls.folder / "training.txt").write_bytes(training.encode("utf-8"))
        subprocess.run([PROGRAM, "train", cls.vocab, cls.merges, cls.folder / "training.txt", "900"], check=True)
        cls.rng = random.Random(2)

    def check(self, vocab, merges, texts):
        encoder = Encoder(vocab, merges)
        paths = [self.folder / f"text-{i}" for i in range(len(texts))]
        for path, text in zip(paths, texts):
            path.write_bytes(text.encode("utf-8"))
        output = subprocess.run([PROGRAM, "encode", vocab, merges, *paths], check=True, capture_output=True, text=True).stdout
        lines = output.split("\n")[:-1]
        self.assertEqual(len(lines), len(texts))
        for line, text in zip(lines, texts):
            self.assertEqual([int(id) for id in line.split()], encoder.encode(text), repr(text[:200]))

    def test_the_files_are_of_the_published_form(self):
        vocab = json.loads(self.vocab.read_text(encoding="utf-8"))
        self.assertEqual(sorted(vocab.values()), list(range(900)))
        self.assertEqual(CHARACTERS[ord(" ")], "Ġ")
        self.assertLessEqual(set(CHARACTERS.values()) | {END}, set(vocab))
        lines = self.merges.read_text(encoding="utf-8").split("\n")
        self.assertEqual(lines[0], "#version: 0.2")
        self.assertEqual(lines[-1], "")
        self.assertEqual([left + right for left, right in (line.split() for line in lines[1:-1])],
                         [token for token, id in vocab.items() if id >= 257])

    def test_texts_have_the_same_ids(self):
        self.check(self.vocab, self.merges, ["", END, "don't" + END * 2 + " we'll", *(mixture(self.rng) for _ in range(400))])

    def test_long_words_have_the_same_ids(self):
        self.check(self.vocab, self.merges, ["lowest" * 300, "a" * 999, "漢字" * 200, " " * 777, "\n" * 50 + "x", "9" * 333])

    def test_every_old_character_belongs_to_the_same_words(self):
        # Those of Unicode 3.2: both programs know them, however old their tables are.
        known = [chr(c) for c in range(0x110000) if unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")]
        self.assertGreater(len(known), 90000)
        self.check(self.vocab, self.merges, ["".join(f"a{c}1{c} {c}-{c}" for c in known[i:i + 10000]) for i in range(0, len(known), 10000)])

    def test_merges_in_an_order_of_chance_give_the_same_ids(self):
        vocab, merges = self.folder / "other.json", self.folder / "other.txt"
        lines = self.merges.read_text(encoding="utf-8").split("\n")[1:-1]
        self.rng.shuffle(lines)
        merges.write_text("\n".join(["#version: 0.2", *lines, ""]), encoding="utf-8")
        tokens = list(json.loads(self.vocab.read_text(encoding="utf-8")))
        self.rng.shuffle(tokens)
        vocab.write_text(json.dumps({token: id for id, token in enumerate(tokens)}), encoding="utf-8")  # escaped, as GPT-2's file is
        self.check(vocab, merges, [mixture(self.rng) for _ in range(300)])


if __name__ == "__main__":
    unittest.main()
