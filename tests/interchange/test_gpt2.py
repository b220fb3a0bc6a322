# GPT-2, written anew in plain PyTorch under the names of its published files, beside the one of the examples: both have the same logits, and
# the same losses while they are trained on the same batches, and each reads the other's folders. Run as: test_gpt2.py PROGRAM f32|f64, with
# the program that reads a folder, computes and trains.
import json
import math
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
    print("test_gpt2: skipped, there is no PyTorch (Debian: python3-torch)")
    sys.exit(77)

PROGRAM, SCALAR = sys.argv.pop(1), sys.argv.pop(1)
DTYPE = {"f32": torch.float32, "f64": torch.float64}[SCALAR]
# Absolute; relative; in learning rates: where a gradient is almost 0, Adam makes steps of its rounding, which float shows.
LOGITS, LOSSES, WEIGHTS = {"f32": (1e-5, 1e-5, 1), "f64": (1e-13, 1e-13, 1e-9)}[SCALAR]
CONFIG = {"model_type": "gpt2", "vocab_size": 61, "n_positions": 24, "n_ctx": 24, "n_embd": 32, "n_layer": 3, "n_head": 4,
          "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
          "summary_type": "cls_index"}
STEPS, BATCH, TIME, LR = 10, 3, 20, 3e-3


def write_safetensors(path, arrays):
    names = {np.dtype(code): name for name, code in safetensors_file.DTYPES.items() if name != "BF16"}
    safetensors_file.save(path, {name: (names[array.dtype], array) for name, array in arrays.items()}, {"format": "pt"})


def read_safetensors(path):
    return {name: array for name, (_, array) in safetensors_file.load(path)[0].items()}


class Conv1D(nn.Module):
    """x W + b, with W [in, out]: so the published files have it."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(n_in, n_out)), nn.Parameter(torch.empty(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, width = config["n_head"], config["n_embd"]
        self.c_attn, self.c_proj = Conv1D(width, 3 * width), Conv1D(width, width)

    def forward(self, x):
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in self.c_attn(x).chunk(3, dim=2))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.c_proj((scores.masked_fill(hidden, -math.inf).softmax(3) @ v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.c_fc, self.c_proj = Conv1D(width, 4 * width), Conv1D(4 * width, width)

    def forward(self, x):
        return self.c_proj(gelu_new(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, eps = config["n_embd"], config["layer_norm_epsilon"]
        self.ln_1, self.attn = nn.LayerNorm(width, eps), Attention(config)
        self.ln_2, self.mlp = nn.LayerNorm(width, eps), MLP(width)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(config["vocab_size"], config["n_embd"]), nn.Embedding(config["n_positions"], config["n_embd"])
        self.h = nn.ModuleList(Block(config) for _ in range(config["n_layer"]))
        self.ln_f = nn.LayerNorm(config["n_embd"], config["layer_norm_epsilon"])

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T

    def arrays(self):
        return {name: tensor.numpy() for name, tensor in self.state_dict().items()}


def make_model():
    """Random weights, none of which is what a model starts with by itself, so that each one matters."""
    torch.manual_seed(1)
    model = GPT2(CONFIG).to(DTYPE)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0, 0.2)
    return model


def train(model, inputs, targets):
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    losses = []
    for x, y in zip(inputs, targets):
        loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class Gpt2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        torch.manual_seed(2)
        tokens = torch.randint(CONFIG["vocab_size"], (STEPS, BATCH, TIME + 1))
        cls.inputs, cls.targets = tokens[:, :, :-1], tokens[:, :, 1:]
        write_safetensors(cls.folder / "batches.safetensors", {"inputs": cls.inputs.numpy(), "targets": cls.targets.numpy()})

    def compute(self, arrays):
        """What the program makes of a folder with these tensors, and the folder that it saves after training."""
        (self.folder / "config.json").write_text(json.dumps(CONFIG))
        write_safetensors(self.folder / "model.safetensors", arrays)
        results, saved = self.folder / "results.safetensors", self.folder / "saved"
        subprocess.run([PROGRAM, self.folder, self.folder / "batches.safetensors", str(LR), results, saved], check=True)
        return read_safetensors(results), saved

    def check_logits(self, results, model):
        expected = model(self.inputs[0]).detach().numpy()
        self.assertGreater(expected.std(), 0.1)
        for name in "logits", "cached":
            np.testing.assert_allclose(results[name], expected, rtol=0, atol=LOGITS, err_msg=name)

    def test_logits_losses_and_trained_weights_are_pytorchs(self):
        model = make_model()
        results, saved = self.compute(model.arrays())
        self.check_logits(results, model)
        losses = train(model, self.inputs, self.targets)
        self.assertEqual(len(losses), STEPS)
        self.assertGreater(max(losses) - min(losses), 0.1)
        np.testing.assert_allclose(results["losses"], losses, rtol=LOSSES)

        trained, expected = read_safetensors(saved / "model.safetensors"), model.arrays()
        self.assertEqual(trained.keys(), expected.keys())
        for name, array in expected.items():
            self.assertEqual((trained[name].dtype, trained[name].shape), (array.dtype, array.shape))
            if name.endswith("c_attn.bias"):  # that of the keys has the gradient 0, and Adam makes steps of its rounding
                trained[name], array = (np.delete(x, np.s_[CONFIG["n_embd"]:2 * CONFIG["n_embd"]]) for x in (trained[name], array))
            np.testing.assert_allclose(trained[name], array, rtol=0, atol=LR * WEIGHTS, err_msg=name)
        self.assertEqual({key: value for key, value in json.loads((saved / "config.json").read_text()).items() if key in CONFIG}, CONFIG)

    def test_a_trained_folder_has_the_same_logits_in_pytorch(self):
        _, saved = self.compute(make_model().arrays())
        trained = read_safetensors(saved / "model.safetensors")
        model = GPT2(json.loads((saved / "config.json").read_text())).to(DTYPE)
        model.load_state_dict({name: torch.tensor(array) for name, array in trained.items()})
        self.check_logits(self.compute(trained)[0], model)

    def test_a_file_of_16_bits_with_prefixes_masks_and_a_second_embedding_is_read(self):
        model = make_model()
        halves = {name: array.astype(np.float16) for name, array in model.arrays().items()}
        model.load_state_dict({name: torch.tensor(array).to(DTYPE) for name, array in halves.items()})
        arrays = {"transformer." + name: array for name, array in halves.items()}
        for i in range(CONFIG["n_layer"]):
            arrays[f"transformer.h.{i}.attn.bias"] = np.tril(np.ones((1, 1, 24, 24), np.float16))
            arrays[f"transformer.h.{i}.attn.masked_bias"] = np.float16(-1e4).reshape(())
        arrays["lm_head.weight"] = halves["wte.weight"]
        results, saved = self.compute(arrays)
        self.check_logits(results, model)
        self.assertEqual(set(read_safetensors(saved / "model.safetensors")), {"transformer." + name for name in halves})


if __name__ == "__main__":
    unittest.main()
