# NumPy reads what Tapehead wrote: .npy and .npz. Run as: test_numpy.py PROGRAM, with the program that writes the files.
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError:
    print("test_numpy: skipped, there is no NumPy")
    sys.exit(77)

PROGRAM = sys.argv.pop(1)
CUBE = np.arange(24.0).reshape(2, 3, 4)


class Numpy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = pathlib.Path(cls.temporary.name)
        subprocess.run([PROGRAM, cls.folder], check=True)
        cls.scalar = np.load(cls.folder / "scalar.npy").dtype  # the number type of this build

    def check(self, array, expected, dtype=None):
        self.assertEqual(array.dtype, dtype or self.scalar)
        np.testing.assert_array_equal(array, np.asarray(expected).astype(array.dtype))
        self.assertEqual(array.shape, np.shape(expected))

    def test_the_number_type_is_float_or_double_in_the_order_of_this_machine(self):
        self.assertIn(self.scalar, (np.dtype("<f4"), np.dtype("<f8")))

    def test_npy(self):
        self.check(np.load(self.folder / "cube.npy"), CUBE)
        self.check(np.load(self.folder / "scalar.npy"), 2.5)
        self.check(np.load(self.folder / "empty.npy"), np.zeros((3, 0, 2)))
        odd = np.load(self.folder / "odd.npy")
        self.check(odd, [[0.1, np.nan, np.inf], [-np.inf, -0.0, 1e-30]])
        self.assertTrue(np.signbit(odd[1, 1]))

    def test_ids_are_int64(self):
        self.check(np.load(self.folder / "ids.npy"), np.array([[3, -1, 2**62 + 1], [0, 5, 7]]), np.dtype("<i8"))

    def test_data_start_at_a_multiple_of_64_so_that_files_can_be_mapped(self):
        mapped = np.load(self.folder / "cube.npy", mmap_mode="r")
        self.assertEqual(mapped.offset % 64, 0)
        self.check(mapped, CUBE)

    def test_npz(self):
        with np.load(self.folder / "arrays.npz") as arrays:
            self.assertEqual(arrays.files, ["layer.0.weight", "bias", "Größe", "none"])
            self.check(arrays["layer.0.weight"], CUBE)
            self.check(arrays["bias"], [1, 2])
            self.check(arrays["Größe"], 3)
            self.check(arrays["none"], [])
        with np.load(self.folder / "nothing.npz") as arrays:
            self.assertEqual(arrays.files, [])


if __name__ == "__main__":
    unittest.main()
