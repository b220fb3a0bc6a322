# Reads TensorBoard's files as Tapehead wrote them, by the description of the format alone: records, checksums, protocol buffers. Every
# byte is accounted for: what is read is written again, and must be the same. Run as: test_tensorboard.py PROGRAM, with the program that
# writes the files.
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree
from csv import DictReader

PROGRAM = sys.argv.pop(1)


def crc32c(data):
    """Bit by bit, Castagnoli's polynomial reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    while data:
        (length,) = struct.unpack_from("<Q", data)
        assert struct.unpack_from("<I", data, 8)[0] == masked(data[:8]), "checksum of the length"
        body = data[12:12 + length]
        assert len(body) == length and struct.unpack_from("<I", data, 12 + length)[0] == masked(body), "checksum of the data"
        yield body
        data = data[16 + length:]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encoded_varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


# Messages by the numbers of their fields, from event.proto and summary.proto: name and type. A list is a repeated field.
HISTOGRAM = {1: ("min", "double"), 2: ("max", "double"), 3: ("num", "double"), 4: ("sum", "double"), 5: ("sum_squares", "double"),
             6: ("bucket_limit", "doubles"), 7: ("bucket", "doubles")}
VALUE = {1: ("tag", "string"), 2: ("simple_value", "float"), 5: ("histo", HISTOGRAM)}
SUMMARY = {1: ("value", [VALUE])}
EVENT = {1: ("wall_time", "double"), 2: ("step", "int64"), 3: ("file_version", "string"), 5: ("summary", SUMMARY)}


def decode(data, description):
    message, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        name, kind = description[key >> 3]
        assert name not in message or isinstance(kind, list), f"{name} twice"
        if kind == "int64":
            assert key & 7 == 0
            value, at = varint(data, at)
            message[name] = value - 2**64 if value >= 2**63 else value
        elif kind in ("double", "float"):
            assert key & 7 == (1 if kind == "double" else 5)
            (message[name],) = struct.unpack_from("<d" if kind == "double" else "<f", data, at)
            at += 8 if kind == "double" else 4
        else:
            assert key & 7 == 2
            length, at = varint(data, at)
            body, at = data[at:at + length], at + length
            assert len(body) == length
            if kind == "string":
                message[name] = body.decode()
            elif kind == "doubles":
                message[name] = list(struct.unpack(f"<{length // 8}d", body))
            elif isinstance(kind, list):
                message.setdefault(name, []).append(decode(body, kind[0]))
            else:
                message[name] = decode(body, kind)
    return message


def encode(message, description):
    out = b""
    for number, (name, kind) in description.items():
        for value in message.get(name, []) if isinstance(kind, list) else [message[name]] if name in message else []:
            if kind == "int64":
                out += encoded_varint(number << 3) + encoded_varint(value % 2**64)
            elif kind in ("double", "float"):
                out += encoded_varint(number << 3 | (1 if kind == "double" else 5)) + struct.pack("<d" if kind == "double" else "<f", value)
            else:
                body = (value.encode() if kind == "string" else struct.pack(f"<{len(value)}d", *value) if kind == "doubles"
                        else encode(value, kind[0] if isinstance(kind, list) else kind))
                out += encoded_varint(number << 3 | 2) + encoded_varint(len(body)) + body
    return out


class TensorBoard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.began = time.time()
        subprocess.run([PROGRAM, cls.folder], check=True)
        (cls.path,) = (cls.folder / "run").iterdir()
        cls.records = list(records(cls.path.read_bytes()))
        cls.events = [decode(record, EVENT) for record in cls.records]

    def value(self, i):
        (value,) = self.events[i]["summary"]["value"]
        return value

    def test_the_checksum_here_is_the_one_of_the_standard(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_the_file_has_the_name_that_tensorboard_looks_for(self):
        self.assertRegex(self.path.name, r"^events\.out\.tfevents\.\d{10}\.\S+$")

    def test_written_again_every_record_is_the_same(self):
        for record, event in zip(self.records, self.events):
            self.assertEqual(encode(event, EVENT), record)

    def test_the_first_event_is_the_version_and_times_are_now(self):
        self.assertEqual(set(self.events[0]), {"wall_time", "file_version"})
        self.assertEqual(self.events[0]["file_version"], "brain.Event:2")
        times = [event["wall_time"] for event in self.events]
        self.assertEqual(times, sorted(times))
        self.assertTrue(self.began - 1 <= times[0] and times[-1] <= time.time() + 1)

    def test_scalars(self):
        expected = [("loss", 0, 0.0), ("loss", 1, 0.1), ("Größe", 2**40, -2.5), ("loss", -1, math.inf), ("loss", 2, math.nan)]
        for i, (tag, step, number) in enumerate(expected, start=1):
            self.assertEqual(self.value(i)["tag"], tag)
            self.assertEqual(self.events[i].get("step", 0), step)
            expected_float = struct.unpack("<f", struct.pack("<f", number))[0]
            value = self.value(i)["simple_value"]
            self.assertTrue(value == expected_float or (math.isnan(value) and math.isnan(expected_float)))

    def check_histogram(self, i, tag, values):
        value, finite = self.value(i), [x for x in values if math.isfinite(x)]
        self.assertEqual(value["tag"], tag)
        histogram = {"min": 0, "max": 0, "num": 0, "sum": 0, "sum_squares": 0, **value["histo"]}
        self.assertEqual(histogram["num"], len(finite))
        limits, counts = histogram["bucket_limit"], histogram["bucket"]
        self.assertEqual(len(limits), len(counts))
        self.assertEqual(sum(counts), len(finite))
        self.assertEqual(limits, sorted(set(limits)))
        if finite:
            self.assertEqual((histogram["min"], histogram["max"]), (min(finite), max(finite)))
            self.assertAlmostEqual(histogram["sum"], sum(finite), places=5)
            self.assertAlmostEqual(histogram["sum_squares"], sum(x * x for x in finite), places=5)
        low = -math.inf
        for limit, count in zip(limits, counts):
            self.assertEqual(count, sum(low <= x < limit for x in finite))
            low = limit
        for before, count in zip(counts, counts[1:]):
            self.assertTrue(before > 0 or count > 0, "two empty buckets in a row")

    def test_histograms(self):
        self.check_histogram(6, "w", [i / 8 for i in range(-40, 60)])
        self.check_histogram(7, "odd", [0, 0, 1, math.nan, -math.inf])
        self.check_histogram(8, "none", [math.nan])
        self.assertEqual(self.value(8)["histo"]["bucket"], [0])
        self.assertEqual(len(self.events), 9)


class Others(unittest.TestCase):
    """What else Python can read without a package."""

    def test_csv_and_svg(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, folder], check=True)
            with open(pathlib.Path(folder) / "log.csv", newline="") as file:
                rows = list(DictReader(file))
            self.assertEqual(list(rows[0]), ["step", "loss", 'a "b", c'])
            self.assertEqual([(int(row["step"]), float(row["loss"])) for row in rows], [(1, 0.1 + 0.2), (2, 1e-310)])
            for name in ("map", "lines", "bars"):
                root = xml.etree.ElementTree.parse(pathlib.Path(folder) / f"{name}.svg").getroot()
                self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
                self.assertEqual(root[0].text, f"{name} <&> \N{SYMBOL FOR LINE FEED}")


if __name__ == "__main__":
    unittest.main()
