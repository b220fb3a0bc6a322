# Programs on several processes: what they learn, how they end when one of them fails, and how they go on with another number.
# Run as: test_program.py FAULT CHAR_LM TRANSLATE SEQUENCE MPIRUN..., with the programs and the command that starts them.
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from training_file import contents

FAULT, CHAR_LM, TRANSLATE, SEQUENCE, *MPIRUN = sys.argv[1:]
del sys.argv[1:]
SMALL = ["--minutes", 0, "--threads", 1, "--dropout", 0, "--batch", 8, "--embed-dim", 16, "--heads", 2, "--layers", 1]


def tensors(path):
    """The tensors of the model in a file of floats, but for the biases of keys: softmax does not see them, so that rounding drives them."""
    header, content = contents(path)
    found = {}
    for name, about in header.items():
        if name.startswith("model.") and not name.endswith("k_proj.bias"):
            data = content[about["data_offsets"][0]:about["data_offsets"][1]]
            found[name] = struct.unpack(f"<{len(data) // 4}f", data)
    return found


def difference(a, b):
    """The largest difference of a weight, relative to the largest of its tensor."""
    return max(max(abs(x - y) for x, y in zip(a[name], b[name], strict=True)) / max(map(abs, a[name])) for name in a)


def children(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
        except (OSError, IndexError):
            pass
    return sorted(found)


class Programs(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.text = self.folder / "text.txt"
        words = random.Random(3).choices(["tape", "head", "rewinds", "the", "a", "records", "and", "plays", "song"], k=900)
        self.text.write_text(" ".join(words), encoding="utf-8")
        self.char_lm = ["--text", self.text, *SMALL, "--sample", 0, "--context", 16]

    def command(self, count, program, *arguments):
        return [str(part) for part in (*MPIRUN, "-np", count, program, *arguments)]

    def run_on(self, count, program, *arguments, status=(0, 1)):
        done = subprocess.run(self.command(count, program, *arguments), capture_output=True, encoding="utf-8", timeout=120)
        self.assertIn(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def train(self, count, name, *arguments):
        self.run_on(count, CHAR_LM, *self.char_lm, "--steps", 50, "--save", self.folder / name, *arguments)
        return self.folder / name

    def test_all_numbers_of_processes_give_one_result(self):
        alone = tensors(self.train(1, "1"))
        for count in 2, 3, 4:
            self.assertLess(difference(alone, tensors(self.train(count, str(count)))), 1e-4)

    def test_sentences_of_all_lengths_weigh_what_they_have(self):
        models = []
        for count in 1, 3:
            path = self.folder / f"translate{count}"
            output = self.run_on(count, TRANSLATE, *SMALL, "--test", 10, "--steps", 20, "--save", path, "--svg", self.folder / "map.svg")
            self.assertEqual(output.count("translate: exact match"), 1, output)  # of the first process alone
            models.append(tensors(path))
        self.assertLess(difference(*models), 1e-4)

    def test_a_limit_in_minutes_stops_all_after_one_step(self):
        path = self.train(3, "limited", "--minutes", 0.02, "--steps", 1000000)
        self.assertIn("tapehead.seconds", path.read_bytes()[:100000].decode(errors="replace"))

    def test_a_run_is_the_same_bits_each_time_and_with_a_spread_optimizer(self):
        first, second, spread = (self.train(3, name, *more) for name, more in [("a", []), ("b", []), ("c", ["--shard"])])
        self.assertEqual(contents(first), contents(second))
        self.assertEqual(contents(first), contents(spread))

    def test_an_exception_on_one_process_ends_all_and_says_which(self):
        output = self.run_on(3, FAULT, "exception", status=range(1, 256))
        self.assertRegex(output, r"process 1 of 3 on \S+ ends the program: out of luck")
        self.assertNotIn("done", output)
        output = self.run_on(3, FAULT, "shape", status=range(1, 256))
        self.assertRegex(output, r"process 1 of 3 on \S+ ends the program: linear: expected ")

    def test_a_command_line_that_one_process_cannot_understand_ends_all(self):
        command = self.command(1, CHAR_LM, *self.char_lm, "--steps", 2)
        command += [":", "-np", "1", CHAR_LM, "--text", str(self.text), "--steps", "many"]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("--steps", done.stderr)

    def test_processes_that_would_each_train_alone_do_not_begin(self):
        for name in "SLURM_STEP_NUM_TASKS", "PMI_SIZE":  # as srun sets them without a word to MPI
            alone = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_", "PMI"))} | {name: "3"}
            for program, arguments in (FAULT, []), (CHAR_LM, [*self.char_lm, "--steps", 2]):
                done = subprocess.run([str(part) for part in (program, *arguments)], env=alone, capture_output=True, encoding="utf-8", timeout=60)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("expected the 3 processes of the launcher, got this one alone", done.stderr)
        output = self.run_on(2, SEQUENCE, "--steps", 2, status=(2,))
        self.assertIn("expected one process, got 2 of a launcher", output)

    def test_there_are_no_processes_before_the_program_runs(self):
        done = subprocess.run([FAULT, "early"], capture_output=True, encoding="utf-8", timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stdout, "Communicator.world: expected to be called within mpi::run, got none around it\n")

    def test_a_process_that_is_killed_ends_all(self):
        output = self.run_on(3, FAULT, "kill", status=range(1, 256))
        self.assertRegex(output, r"rank 1 .*signal 9")
        self.assertNotIn("done", output)
        self.assertIn("done", self.run_on(3, FAULT, status=(0,)))

    def begin(self, count, name, *arguments):
        """Starts a training that saves each step, and returns it once it has saved one."""
        path = self.folder / name
        command = self.command(count, CHAR_LM, *self.char_lm, "--steps", 100000, "--checkpoint-every", 1, "--save", path, *arguments)
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        deadline = time.monotonic() + 60
        while not path.exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(random.Random(name).uniform(0, 0.5))
        return running, path

    def steps_of(self, path):
        output = self.run_on(1, CHAR_LM, "--resume", path, "--steps", 1, "--save", self.folder / "probe")
        (self.folder / "probe").unlink(missing_ok=True)
        return int(output.split("Going on after step ")[1].split()[0])

    def test_killing_any_process_in_mid_step_leaves_a_whole_checkpoint_that_other_numbers_go_on_with(self):
        for victim, others in [(0, 2), (1, 1), (2, 4)]:
            running, path = self.begin(3, f"killed{victim}", "--shard")
            os.kill(children(running.pid)[victim], signal.SIGKILL)
            output, _ = running.communicate(timeout=60)
            self.assertNotEqual(running.returncode, 0)
            self.assertRegex(output, r"rank \d .*signal 9")
            step = self.steps_of(path)
            self.assertGreater(step, 0)
            output = self.run_on(others, CHAR_LM, "--resume", path, "--steps", step + 3, "--shard")
            self.assertIn(f"Going on after step {step} of", output)
            self.assertEqual(self.steps_of(path), step + 3)

    def test_ctrl_c_saves_and_ends(self):
        for sign in signal.SIGINT, signal.SIGTERM:
            running, path = self.begin(2, f"stopped{sign}")
            before = self.steps_of(path)
            running.send_signal(sign)
            output, _ = running.communicate(timeout=60)
            self.assertIn("; --resume goes on with it", output)
            self.assertGreaterEqual(self.steps_of(path), before)


if __name__ == "__main__":
    unittest.main()
