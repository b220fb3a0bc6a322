# The safetensors format, from its description and independent of the library: files to be read by it, and its own.
import json

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
          "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}  # BF16 has no type of NumPy's: its bits


def save(path, tensors, metadata):
    """Writes {name: (dtype, array)}."""
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, array) in tensors.items():
        part = np.asarray(array).astype(DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": np.shape(array), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def load(path):
    """Reads {name: (dtype, array)} and the metadata."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, about in header.items():
        start, stop = about["data_offsets"]
        array = np.frombuffer(content[end:][start:stop], DTYPES[about["dtype"]])
        tensors[name] = about["dtype"], array.reshape(about["shape"])
    return tensors, metadata
