#!/usr/bin/env python3
"""Writes the seeds in corpus/: few and small inputs that a fuzz target accepts, or nearly so, from which libFuzzer begins.

    tests/fuzz/make_corpus.py            # needs nothing but Python

Inputs that once found a fault are kept beside them under names of their own ("found-...") and are not made here.
"""

import io
import json
import struct
import zipfile
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else bytes(data))


# Files of arrays


def npy(descr, shape, data, order=False, version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    prefix = 10 if version == 1 else 12
    header += " " * (-(prefix + len(header) + 1) % 16) + "\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


ARRAYS = {
    "double": npy("<f8", (2, 3), struct.pack("<6d", 1, -2, 0.5, float("nan"), float("inf"), 1e300)),
    "float": npy("<f4", (3,), struct.pack("<3f", 1, -2, 0.5)),
    "half-big-endian": npy(">f2", (2,), struct.pack(">2e", 1, 65504)),
    "long": npy("<i8", (2, 2), struct.pack("<4q", 1, -1, 2**53 + 1, -(2**63)), order=True),
    "unsigned": npy("<u8", (1,), struct.pack("<Q", 2**64 - 1)),
    "bytes": npy("|u1", (2, 1, 2), bytes([0, 1, 128, 255]), order=True, version=2),
    "bool": npy("|b1", (), b"\1", version=3),
    "none": npy("<f4", (0, 3), b""),
}


def make_npy():
    for name, data in ARRAYS.items():
        write("npy", name, data)
    write("npy", "text", npy("<U3", (1,), b"a\0\0\0b\0\0\0c\0\0\0"))
    write("npy", "cut-short", ARRAYS["double"][:-3])


def make_npz():
    def archive(method, names):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as z:
            for name in names:
                z.writestr(zipfile.ZipInfo(name + ".npy"), ARRAYS[name], compress_type=method)
        return file.getvalue()

    write("npz", "stored", archive(zipfile.ZIP_STORED, ["float", "bool"]))
    write("npz", "deflated", archive(zipfile.ZIP_DEFLATED, ["long", "none"]))
    write("npz", "bzip2", archive(zipfile.ZIP_BZIP2, ["bool"]))
    write("npz", "empty", archive(zipfile.ZIP_STORED, []))


def safetensors(header, data=b"", end=""):
    text = (header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))) + end
    return struct.pack("<Q", len(text)) + text.encode() + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    linear = {"weight": tensor("F64", [2, 3], 0, 48), "bias": tensor("F64", [2], 48, 64), "__metadata__": {"a": "ä", "": "b"}}
    write("safetensors", "linear", safetensors(linear, struct.pack("<8d", *range(8)), end="  "))
    write("safetensors", "halves", safetensors({"bias": tensor("BF16", [2], 0, 4), "w": tensor("F16", [1, 1], 4, 6)}, b"\x80\x3f\0\xc0\0\x3c"))
    widths = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F32": 4}
    header, at = {}, 0
    for dtype, bytes_each in widths.items():
        header[dtype.lower()] = tensor(dtype, [1], at, at + bytes_each)
        at += bytes_each
    write("safetensors", "integers", safetensors(header, bytes(range(200, 200 + at))))
    write("safetensors", "narrow", safetensors({"a": tensor("F4", [4], 0, 2), "b": tensor("F6_E2M3", [4], 2, 5)}, bytes(5)))
    write("safetensors", "none", safetensors({"a": tensor("F32", [0, 3], 0, 0), "b": tensor("C64", [0], 0, 0)}))
    write("safetensors", "unknown-keys", safetensors({"a": tensor("U8", [], 0, 1) | {"note": [{"x": [1, None]}, "y"]}}, b"\1"))
    write("safetensors", "empty", safetensors({}))
    write("safetensors", "overlap", safetensors({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, bytes(3)))


# JSON and texts


def byte_alphabet():
    printable = [b for b in range(256) if 0x20 < b < 0x7F or (b > 0xA0 and b != 0xAD)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(0x100 + i) for i in range(len(others))]


def make_byte_pairs():
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("'", "s")]
    tokens = byte_alphabet() + [a + b for a, b in merges]
    vocabulary = {token: i for i, token in enumerate(tokens + ["<|endoftext|>"])}
    text = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
    lines = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    write("byte_pair_files", "vocab-and-merges", text + "\0" + lines)
    write("byte_pair_files", "vocab-and-merges-crlf", text + "\0" + lines.replace("\n", "\r\n"))
    added = [{"id": len(tokens), "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False}]
    level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    for name, pairs in {"text": [f"{a} {b}" for a, b in merges], "lists": merges}.items():
        file = {"added_tokens": added, "normalizer": None, "pre_tokenizer": level, "post_processor": level,
                "model": {"type": "BPE", "dropout": None, "vocab": vocabulary, "merges": pairs}}
        write("byte_pair_files", "tokenizer-with-merges-as-" + name, json.dumps(file, ensure_ascii=False, separators=(",", ":")))
    write("byte_pair_files", "other-kind", json.dumps({"pre_tokenizer": level, "model": {"type": "Unigram", "vocab": [["a", -1.5]]}}))


def make_texts():
    texts = {
        "english": "It's 5 o'clock; they're in, we'll see 1234.\n\n  The end  <|endoftext|>",
        "repeated": "aaaaaaaabababababab aaaa bbbb aaaabbbb",
        "unicode": "Ä ö€ 𝄞\u00a0\u180e\u2028ʼn ١٢٣ e\u0301 <|<|endoftext|>|>",
        "not-utf8": b"\xff\xfe a\xc3 \xed\xa0\x80 \xf4\x90\x80\x80\xc0\x80 b",
        "spaces": " \t\n\r\x0b\x0c  \n x\n",
    }
    for name, text in texts.items():
        write("byte_pair_text", name, text)
        write("character_text", name, text)


def make_character_file():
    file = {"format": "tapehead characters", "version": 1, "special_tokens": ["<pad>", "<end>"], "byte_fallback": True, "characters": "abä€"}
    write("character_file", "with-bytes", json.dumps(file, ensure_ascii=False))
    write("character_file", "escaped", json.dumps(file | {"byte_fallback": False, "special_tokens": [], "characters": "a𝄞\n"}))


def make_gpt2_config():
    small = {"model_type": "gpt2", "vocab_size": 7, "n_positions": 5, "n_ctx": 5, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_inner": None,
             "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "embd_pdrop": 0.1, "attn_pdrop": 0, "resid_pdrop": 0.1}
    write("gpt2_config", "small", json.dumps(small))
    inner = {"n_inner": 3, "activation_function": "silu", "torch_dtype": "float32", "others": [{"a": 1.5}]}
    write("gpt2_config", "inner", json.dumps(small | inner))
    write("gpt2_config", "other-model", json.dumps({"model_type": "llama"}))
    write("gpt2_config", "published", "{}")


def make_checkpoint():
    parameters = [{"name": name, "shape": shape, "steps": 1, "tensors": ["exp_avg", "exp_avg_sq"]}
                  for name, shape in (("weight", [1, 2]), ("bias", [1]))]
    hyperparameters = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01}
    optimizer = {"kind": "AdamW", "step_count": 1, "lr": 0.1, "groups": [{"hyperparameters": hyperparameters, "parameters": parameters}]}
    lines = [optimizer, {"step": 1, "base_lr": 0.1}, {"best": "inf", "bad_steps": 0, "cooldown_left": 0}, {"updates": 1},
             {"seed": 3, "position": 0}, 2, 0.5, {"seed": 5, "position": 9}]
    texts = [json.dumps(line, separators=(",", ":")) for line in lines]
    write("checkpoint", "all", "\n".join(texts))
    for i, name in enumerate(("optimizer", "schedule", "plateau", "average", "generator", "epoch", "best", "random")):
        write("checkpoint", name, "\n" * i + texts[i])


def make_pairs():
    write("pairs", "lines", "the cat\tdie Katze\nthe cat\tdie Katze\n\n a \t b \tmore\r\n\ufeffÄ\tö")
    write("pairs", "empty-side", "a\t \n")
    write("pairs", "too-long", "a" * 201 + "\tb\nc\td\n")


# Specifications


def make_einsum():
    extents = bytes([2, 3, 1, 2, 3, 2, 1, 3])
    equations = {"matmul": "ab,bc->ac", "batched": "...ij,...jk->...ik", "diagonal": "aab->ab", "trace": "aa", "outer": "a,b,c->cab",
                 "implicit": "ba", "spaces": " a b , b -> a ", "sum": "abc->", "three": "ab,bc,cd->da", "scalars": ",->", "twice": "ab,ab->ba"}
    for name, equation in equations.items():
        write("einsum", name, bytes([10, 0]) + extents + equation.encode())


def make_numbers():
    # The kind; a shape as its rank and extents; then what the kind takes. Numbers below 200 are a byte modulo 19, less 9.
    small = lambda *numbers: [n + 9 for n in numbers]
    shape = [3, 2, 3, 4]
    specifications = {
        "slice": [0, *shape, *small(1, -3), 1, *small(2, 2)],
        "slice-backwards": [0, *shape, *small(2, 3), 0, *small(-2)],
        "slice-extreme": [0, *shape, *small(0), 208, 1, 200, 209],
        "select": [1, *shape, *small(-1, 2)],
        "reshape": [2, *shape, 2, *small(-1, 6)],
        "reshape-extreme": [2, 1, 0, 2, 205, 205],
        "flatten": [3, *shape, 0, *small(0, 1)],
        "unsqueeze": [3, *shape, 2, 2, *small(0, -1)],
        "permute": [4, *shape, 0, 1, 0, 1, 1, 0, 0, *small(0, 2)],
        "flip": [5, *shape, 2, *small(0, -1)],
        "expand": [6, 2, 1, 3, 3, *small(2, 4, -1), 1],
        "repeat": [6, *shape, 3, *small(2, 1, 3), 0],
        "pad": [7, *shape, 2, *small(1, 2, -1, 3)],
        "pad-extreme": [7, *shape, 1, 200, 208],
        "triangles": [8, *shape, *small(-1)],
        "split": [9, *shape, 0, *small(0), 2, *small(1, 2, 1)],
        "chunk": [9, *shape, 2, *small(2), 0, *small(2)],
        "chunk-extreme": [9, *shape, 2, 208, 0, *small(1)],
        "concat": [10, *shape, 1, *small(1), 1],
        "stack": [10, *shape, 1, *small(-1), 0],
    }
    for name, data in specifications.items():
        write("shaping", name, data)
    ids = {
        "index-select": [0, *shape, 2, 3, 0, 1, 2, 1],
        "index-add": [0, *shape, 3, 3, 0, 1, 3, 0, 9, 0],
        "gather": [1, *shape, 2, 9, 0, *range(24), 1],
        "scatter-add": [1, *shape, 2, 9, 0, *range(24), 0, 9, 0],
        "embedding": [2, 2, 3, 2, 1, 2, 2, 2, 0, 1, 2, 5],
        "embedding-padding": [2, 2, 3, 2, 0, 10, 2, 2, 2, 0, 1, 2, 5],
        "out-of-range": [0, *shape, 2, 1, 40, 204, 1],
    }
    for name, data in ids.items():
        write("indexing", name, data)


if __name__ == "__main__":
    for make in (make_npy, make_npz, make_safetensors, make_byte_pairs, make_texts, make_character_file, make_gpt2_config, make_checkpoint,
                 make_pairs, make_einsum, make_numbers):
        make()
