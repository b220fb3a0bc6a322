# Programs that train are stopped with Ctrl-C and killed at random moments, resumed until they are done, and end with the bits of a run
# that was never stopped. Run as: test_resume.py FOLDER, with the folder of the example programs.
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from training_file import contents

PROGRAMS = pathlib.Path(sys.argv.pop(1))
SMALL = ["--batch", 8, "--embed-dim", 16, "--heads", 2, "--layers", 1]
STOPS = 6  # of each program, by Ctrl-C and by SIGKILL in turn


def has_files_without_names(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        return True
    except (AttributeError, OSError):
        return False


class Resume(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.text, self.log = self.folder / "text.txt", self.folder / "log.csv"
        self.moments = random.Random(5)
        words = random.Random(3).choices(["tape", "head", "rewinds", "the", "a", "records", "and", "plays", "song"], k=900)
        self.text.write_text(" ".join(words), encoding="utf-8")

    def command(self, program, *arguments):
        return [str(part) for part in (PROGRAMS / program, *arguments)]

    def run_program(self, *command, status=(0,)):
        done = subprocess.run(self.command(*command), capture_output=True, encoding="utf-8", timeout=300)
        self.assertIn(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def stop(self, command, step, sign):
        """Runs a program until its log has a step, and a moment longer; returns what it said when it was stopped."""
        log = self.folder / f"log{step}.csv"  # its own: one of an earlier run may have the step already
        running = subprocess.Popen(self.command(*command, "--log", log), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   encoding="utf-8")
        deadline = time.monotonic() + 200
        while running.poll() is None and time.monotonic() < deadline:
            rows = log.read_text().split("\n")[1:-1] if log.exists() else []
            if rows and int(rows[-1].split(",")[0]) >= step:
                time.sleep(self.moments.uniform(0, 0.01))
                break
            time.sleep(0.001)
        running.send_signal(sign)
        output, _ = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130 if sign == signal.SIGINT else -signal.SIGKILL, output)
        return output

    def stop_again_and_again(self, begin, resume, file, steps):
        """Stops the run of `begin`, and then of `resume`, at random moments, and lets it end."""
        for number, step in enumerate(sorted(self.moments.sample(range(5, steps * 3 // 4), STOPS))):
            sign = [signal.SIGINT, signal.SIGKILL][number % 2]
            output = self.stop(resume if file.exists() else begin, step, sign)
            if sign == signal.SIGINT:
                self.assertRegex(output, rf"stopped after step \d+ of {steps}; --resume goes on with it\n$")
        if has_files_without_names(self.folder):
            self.assertEqual(list(file.parent.glob(file.name + ".*")), [])  # what was half written is gone
        self.run_program(*resume, status=(0, 1))

    def check_program(self, steps, *command, models=1):
        """Of the steps of each of its models, which it trains one after the other."""
        whole, parts = self.folder / "whole.safetensors", self.folder / "parts.safetensors"
        self.run_program(*command, "--steps", steps, "--save", whole, status=(0, 1))  # 1: it has not learned enough
        begin = [*command, "--steps", steps, "--save", parts, "--checkpoint-every", 1]
        resume = [command[0], "--resume", parts, "--checkpoint-every", 1]
        self.stop_again_and_again(begin, resume, parts, steps * models)
        self.assertEqual(contents(parts), contents(whole))

    def test_sequence(self):
        self.check_program(200, "sequence", "--task", "reverse", "--length", 5, "--seed", 3, *SMALL)

    def test_translate(self):
        self.check_program(150, "translate", "--minutes", 0, "--test", 20, "--dropout", 0.1, *SMALL)

    def test_heads(self):
        self.check_program(60, "heads", "--heads", "1,2", "--seeds", 1, "--test", 20, "--batch", 8, "--embed-dim", 8, "--layers", 1, models=2)

    def test_char_lm(self):
        self.check_program(300, "char_lm", "--text", self.text, "--minutes", 0, "--context", 16, "--sample", 0, *SMALL)

    def test_gpt2(self):
        command = ["gpt2", "--init", self.text, "--fine-tune", self.text, "--vocabulary", 270, "--context", 16, "--steps", 300, *SMALL]
        whole, parts = self.folder / "whole", self.folder / "parts"
        self.run_program(*command, "--save", whole)
        begin = [*command, "--save", parts, "--checkpoint-every", 1]
        resume = ["gpt2", "--resume", parts, "--checkpoint-every", 1]
        self.stop_again_and_again(begin, resume, parts / "training.safetensors", 300)
        files = ["config.json", "merges.txt", "model.safetensors", "vocab.json"]
        self.assertEqual(sorted(file.name for file in whole.iterdir()), files)
        self.assertEqual(sorted(file.name for file in parts.iterdir()), files)
        for file in files:
            self.assertEqual((parts / file).read_bytes(), (whole / file).read_bytes(), file)

    def test_folders_on_the_way_are_made(self):
        self.run_program("sequence", "--steps", 2, "--save", self.folder / "deep/er/run", *SMALL)
        self.assertTrue((self.folder / "deep/er/run").exists())
        self.run_program("gpt2", "--init", self.text, "--vocabulary", 270, "--save", f"{self.folder}/deep/model/", *SMALL)
        self.assertTrue((self.folder / "deep/model/model.safetensors").exists())

    def test_a_run_that_has_ended_goes_on_for_more_steps(self):
        run = self.folder / "run.safetensors"
        self.run_program("sequence", "--steps", 3, "--save", run, "--log", self.log, *SMALL)
        before = run.read_bytes()
        self.run_program("sequence", "--resume", run)
        self.assertEqual(run.read_bytes(), before)  # there was nothing to do
        longer = self.folder / "longer.safetensors"
        output = self.run_program("sequence", "--resume", run, "--steps", 5, "--save", longer, "--log", self.log)
        self.assertIn(f"Going on after step 3 of '{run}'.", output)
        self.assertIn("5/5  loss", output)
        self.assertEqual(run.read_bytes(), before)
        self.run_program("sequence", "--resume", run, "--steps", 4, "--save", f"{self.folder}/./{run.name}")
        self.assertEqual(contents(run)[0]["__metadata__"]["--steps"], "4")
        steps = [line.split(",")[0] for line in self.log.read_text().splitlines()]
        self.assertEqual(steps, ["step", "1", "2", "3", "4", "5"])
        self.assertEqual(contents(longer)[0]["__metadata__"]["--embed-dim"], "16")

    def test_what_does_not_fit_is_refused_and_nothing_changes(self):
        run = self.folder / "run.safetensors"
        self.run_program("sequence", "--steps", 2, "--save", run, *SMALL)
        before = run.read_bytes()
        for command, message in [
            (["sequence", "--save", run], "--resume, or remove it"),
            (["sequence", "--resume", run, "--lr", 1], f"--lr: expected 0.0025, with which the run in '{run}' began, got 1"),
            (["translate", "--resume", run], f"--resume: expected a run of translate, got '{run}' of sequence"),
            (["sequence", "--resume", self.folder / "missing"], "--resume"),
            (["sequence", "--checkpoint-every", 3], "--checkpoint-every: expected --save with it, got none"),
            (["sequence", "--save", self.text / "run"], "expected a path that can be written"),
            (["sequence", "--save", self.folder], "--save: expected a file, got the folder"),
        ]:
            self.assertIn(message, self.run_program(*command, status=(2,)))
        broken = self.folder / "broken.safetensors"
        broken.write_bytes(before[:-9])
        self.assertIn("SafetensorsFile", self.run_program("sequence", "--resume", broken, status=(1,)))
        self.assertEqual(run.read_bytes(), before)

    def test_ctrl_c_without_a_place_to_save_says_what_to_do(self):
        output = self.stop(["sequence", *SMALL], 3, signal.SIGINT)
        self.assertRegex(output, r"sequence: stopped after step \d+ of 800; with --save it would be kept\n$")


if __name__ == "__main__":
    unittest.main()
