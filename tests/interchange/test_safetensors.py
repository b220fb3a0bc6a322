# What NumPy writes as safetensors is read in C++, and what C++ writes is read by NumPy. Run as: test_safetensors.py PROGRAM, with the
# program that rewrites a file.
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np

    from safetensors_file import DTYPES, load, save
except ImportError:
    print("test_safetensors: skipped, there is no NumPy")
    sys.exit(77)

PROGRAM = sys.argv.pop(1)


def bf16_of(array):
    """The bits of the nearest BF16 of numbers that a float holds exactly: half of the last place, and one for odd ones, carries."""
    bits = np.asarray(array, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")


FLOATS = np.array([[0.1, -2.5, 65519, 65520], [2049, 2051, 6e-8, -0.0], [2.9e-8, 3.4e38, 1e-40, np.inf]], "<f4")
INTEGERS = {"I64": [-(2**63), 2**62 + 1], "I32": [-(2**31), 2**31 - 1], "I16": [-(2**15), 7], "I8": [-128, 127],
            "U64": [2**63 - 1, 0], "U32": [2**32 - 1, 1], "U16": [65535, 2], "U8": [255, 3], "BOOL": [True, False]}
METADATA = {"format": "np", "Größe": "重み \"\\\n", "": ""}


class Safetensors(unittest.TestCase):
    def rewrite(self, tensors, dtype="native", metadata=METADATA):
        with tempfile.TemporaryDirectory() as folder:
            given, written = pathlib.Path(folder, "given.safetensors"), pathlib.Path(folder, "written.safetensors")
            save(given, tensors, metadata)
            subprocess.run([PROGRAM, given, written, dtype], check=True)
            length = int.from_bytes(written.read_bytes()[:8], "little")
            self.assertEqual(length % 8, 0)
            rewritten, texts = load(written)
            self.assertEqual(texts, metadata)
            self.assertEqual(rewritten.keys(), tensors.keys())
            return rewritten

    def check(self, given, dtype, expected):
        written, array = given
        self.assertEqual(written, dtype)
        self.assertEqual(array.shape, np.shape(expected))
        self.assertEqual(array.tobytes(), np.asarray(expected, array.dtype).tobytes())  # signs of zeros too

    @classmethod
    def setUpClass(cls):
        cls.native = cls("rewrite").rewrite({"x": ("F32", 1)})["x"][0]  # the number type of this build

    def test_the_number_type_is_float_or_double(self):
        self.assertIn(self.native, ("F32", "F64"))

    def test_floats_are_read_and_written_exactly(self):
        for dtype in "F32", "F64":
            self.check(self.rewrite({"x": (dtype, FLOATS)})["x"], self.native, FLOATS)
            self.check(self.rewrite({"x": (dtype, FLOATS)}, "F32")["x"], "F32", FLOATS)
            self.check(self.rewrite({"x": (dtype, FLOATS)}, "F64")["x"], "F64", FLOATS)
        self.check(self.rewrite({"x": ("F64", [0.1, 1e300])}, "F64")["x"], "F64",
                   [0.1, 1e300] if self.native == "F64" else [np.float32(0.1), np.inf])

    def test_floats_are_rounded_to_f16_as_numpy_rounds_them(self):
        with np.errstate(over="ignore"):
            self.check(self.rewrite({"x": ("F32", FLOATS)}, "F16")["x"], "F16", FLOATS.astype("<f2"))

    def test_floats_are_rounded_to_bf16(self):
        self.check(self.rewrite({"x": ("F32", FLOATS)}, "BF16")["x"], "BF16", bf16_of(FLOATS))

    def test_every_number_of_16_bits_is_read_and_written(self):
        bits = np.arange(2**16).astype("<u2")
        halves, brains = bits.view("<f2"), (bits.astype("<u4") << 16).view("<f4")
        tensors = {"half": ("F16", halves[~np.isnan(halves)]), "brain": ("BF16", bits[~np.isnan(brains)])}
        read = self.rewrite(tensors, "F32")
        self.check(read["half"], "F32", halves[~np.isnan(halves)].astype("<f4"))
        self.check(read["brain"], "F32", brains[~np.isnan(brains)])
        self.check(self.rewrite({"half": tensors["half"]}, "F16")["half"], *tensors["half"])
        self.check(self.rewrite({"brain": tensors["brain"]}, "BF16")["brain"], *tensors["brain"])
        for dtype, numbers in ("F16", halves[np.isnan(halves)]), ("BF16", bits[np.isnan(brains)]):
            self.assertTrue(np.isnan(self.rewrite({"x": (dtype, numbers)}, "F32")["x"][1]).all())

    def test_integers_and_flags_are_read_exactly(self):
        rewritten = self.rewrite({name: (name, np.array(values, DTYPES[name])) for name, values in INTEGERS.items()})
        for name, values in INTEGERS.items():
            self.check(rewritten[name], "I64", values)

    def test_names_shapes_and_their_order_are_kept(self):
        tensors = {"layer.0.weight": ("F32", np.arange(24.0).reshape(2, 3, 4)), "Größe 重み 😀": ("F32", 3.0),
                   "": ("F32", np.zeros((3, 0, 2))), "a \"b\"\n\\": ("F32", [1.0, 2.0])}
        rewritten = self.rewrite(tensors)
        self.assertEqual(list(rewritten), list(tensors))
        for name, (_, array) in tensors.items():
            self.check(rewritten[name], self.native, array)

    def test_nothing_is_a_file_too(self):
        self.assertEqual(self.rewrite({}), {})
        self.assertEqual(self.rewrite({}, metadata={}), {})


if __name__ == "__main__":
    unittest.main()
