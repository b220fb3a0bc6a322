# Models in PyTorch and their counterparts in the library, each with the weights of the other, have the same outputs. Run as:
# test_torch.py PROGRAM f32|f64, with the program that makes the library's models by these names.
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import torch
    from torch import nn

    import safetensors_file
except ImportError:
    print("test_torch: skipped, there is no PyTorch (Debian: python3-torch)")
    sys.exit(77)

PROGRAM, SCALAR = sys.argv.pop(1), sys.argv.pop(1)
DTYPE, STORED, TOLERANCE = {"f32": (torch.float32, "F32", 1e-6), "f64": (torch.float64, "F64", 1e-12)}[SCALAR]
BATCH, QUERIES, KEYS, WIDTH, HEADS, HIDDEN = 2, 4, 5, 12, 3, 20


def write(path, tensors):
    stored = {torch.int64: "I64", torch.bool: "BOOL", DTYPE: STORED}
    safetensors_file.save(path, {name: (stored[tensor.dtype], tensor.numpy()) for name, tensor in tensors.items()}, {"format": "pt"})


def read(path):
    tensors, metadata = safetensors_file.load(path)
    return {name: torch.tensor(array) for name, (_, array) in tensors.items()}, metadata


def causal(length):
    """True is what PyTorch's modules must not attend to."""
    return torch.ones(length, length, dtype=torch.bool).triu(1)


def layer(module, *shape):
    return module, {"x": torch.randn(shape)}, lambda m, x: m(x)


def attention(**options):
    inputs = {"query": torch.randn(BATCH, QUERIES, WIDTH), "key": torch.randn(BATCH, KEYS, options.get("kdim", WIDTH)),
              "value": torch.randn(BATCH, KEYS, options.get("vdim", WIDTH)), "valid": valid()}
    return (nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, **options), inputs,
            lambda m, query, key, value, valid: m(query, key, value, key_padding_mask=~valid)[0])


def valid():
    """Which keys are no padding."""
    return torch.arange(KEYS) < torch.tensor([[KEYS], [KEYS - 2]])


def options(activation, norm_first):
    return {"d_model": WIDTH, "nhead": HEADS, "dim_feedforward": HIDDEN, "dropout": 0.0, "activation": activation, "norm_first": norm_first,
            "batch_first": True}


def encoder(module):
    return module, {"x": torch.randn(BATCH, KEYS, WIDTH), "valid": valid()}, lambda m, x, valid: m(x, src_key_padding_mask=~valid)


def decoder(module):
    inputs = {"x": torch.randn(BATCH, QUERIES, WIDTH), "memory": torch.randn(BATCH, KEYS, WIDTH), "valid": valid()}
    return module, inputs, lambda m, x, memory, valid: m(x, memory, tgt_mask=causal(QUERIES), memory_key_padding_mask=~valid)


def transformer(activation, norm_first):
    def run(m, source, target, valid):
        return m(source, target, tgt_mask=causal(QUERIES), src_key_padding_mask=~valid, memory_key_padding_mask=~valid)

    module = nn.Transformer(num_encoder_layers=2, num_decoder_layers=2, **options(activation, norm_first))
    return module, {"source": torch.randn(BATCH, KEYS, WIDTH), "target": torch.randn(BATCH, QUERIES, WIDTH), "valid": valid()}, run


def encoder_layer(activation, norm_first):
    return nn.TransformerEncoderLayer(**options(activation, norm_first))


def decoder_layer(activation, norm_first):
    return nn.TransformerDecoderLayer(**options(activation, norm_first))


class LanguageModel(nn.Module):
    """A model of a user's own, with layers of all kinds and a tied weight."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(11, WIDTH), nn.Embedding(6, WIDTH)
        self.blocks = nn.TransformerEncoder(encoder_layer("gelu", False), 2)
        self.mix = nn.Sequential(nn.Linear(WIDTH, 8), nn.GELU(), nn.Linear(8, WIDTH, bias=False), nn.LayerNorm(WIDTH))
        self.head = nn.Linear(WIDTH, 11, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[:ids.shape[1]]
        return self.head(self.mix(self.blocks(x, causal(ids.shape[1]))))


def ids():
    return {"ids": torch.randint(11, (BATCH, QUERIES))}


MODELS = {
    "linear": lambda: layer(nn.Linear(5, 7), 3, 5),
    "linear without bias": lambda: layer(nn.Linear(5, 7, bias=False), 3, 5),
    "embedding": lambda: (nn.Embedding(11, 6), ids(), lambda m, ids: m(ids)),
    "layer norm": lambda: layer(nn.LayerNorm(5), 3, 5),
    "layer norm of two axes": lambda: layer(nn.LayerNorm((4, 5), 1e-3), 3, 4, 5),
    "attention": lambda: attention(),
    "attention without bias": lambda: attention(bias=False),
    "attention to other widths": lambda: attention(kdim=5, vdim=7),
    "attention to values of another width, without bias": lambda: attention(vdim=7, bias=False),
    "encoder layer, post-norm, relu": lambda: encoder(encoder_layer("relu", False)),
    "encoder layer, pre-norm, gelu": lambda: encoder(encoder_layer("gelu", True)),
    "decoder layer, post-norm, gelu": lambda: decoder(decoder_layer("gelu", False)),
    "decoder layer, pre-norm, relu": lambda: decoder(decoder_layer("relu", True)),
    "encoder": lambda: encoder(nn.TransformerEncoder(encoder_layer("relu", False), 2)),
    "encoder with a final norm": lambda: encoder(nn.TransformerEncoder(encoder_layer("gelu", True), 2, nn.LayerNorm(WIDTH))),
    "decoder with a final norm": lambda: decoder(nn.TransformerDecoder(decoder_layer("relu", True), 2, nn.LayerNorm(WIDTH))),
    "transformer, post-norm, relu": lambda: transformer("relu", False),
    "transformer, pre-norm, gelu": lambda: transformer("gelu", True),
    "language model": lambda: (LanguageModel(), ids(), lambda m, ids: m(ids)),
}


class Torch(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        torch.manual_seed(1)
        torch.set_default_dtype(DTYPE)

    def run_here(self, name, inputs, weights=None):
        """The library's output and the state that it saves, of PyTorch's weights or its own."""
        paths = [self.folder / (part + ".safetensors") for part in ("inputs", "output", "saved", "weights")]
        write(paths[0], inputs)
        if weights is not None:
            write(paths[3], weights)
        subprocess.run([PROGRAM, name, *paths[:3 if weights is None else 4]], check=True)
        saved, metadata = read(paths[2])
        self.assertEqual(metadata["format"], "pt")
        return read(paths[1])[0]["y"], saved

    def check_outputs(self, here, module, run, inputs):
        # With gradients wanted PyTorch takes no fast path, which is another computation and gives padding other outputs.
        there = run(module, **inputs).detach()
        self.assertEqual(here.dtype, there.dtype)
        self.assertGreater(there.std(), 0.1)
        np.testing.assert_allclose(here.numpy(), there.numpy(), rtol=TOLERANCE, atol=TOLERANCE)

    def test_models_of_pytorchs_have_the_same_outputs_here_and_are_saved_as_they_were(self):
        for name, make in MODELS.items():
            with self.subTest(name):
                module, inputs, run = make()
                with torch.no_grad():
                    for parameter in module.parameters():
                        parameter.uniform_(-0.5, 0.5)  # biases start as 0 and norms as 1, which would hide what is lost
                state = module.eval().state_dict()
                here, saved = self.run_here(name, inputs, state)
                self.check_outputs(here, module, run, inputs)
                self.assertEqual(saved.keys(), state.keys())
                for key, tensor in state.items():
                    np.testing.assert_array_equal(saved[key].numpy(), tensor.numpy(), key)

    def test_models_of_the_library_have_the_same_outputs_in_pytorch(self):
        for name, make in MODELS.items():
            with self.subTest(name):
                module, inputs, run = make()
                here, saved = self.run_here(name, inputs)
                module.eval().load_state_dict(saved)  # strict: all names and shapes
                self.check_outputs(here, module, run, inputs)


if __name__ == "__main__":
    unittest.main()
