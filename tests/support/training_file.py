# What a training has left in its file, to be compared with what another one left.
import json


def contents(path):
    """The header of a safetensors file, without the time that the run took, and the bytes of its tensors."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"].pop("tapehead.seconds", None)
    return header, content[end:]
