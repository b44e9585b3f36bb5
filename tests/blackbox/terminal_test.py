#!/usr/bin/env python3
"""`make run` where there is no display: a question on stdin, the answer on stdout, the reason on stderr.

    terminal_test.py SOURCE_ROOT FOLDER_OF_BINARIES

The real scripts and the real edgechat-cli; only the build is left out, since it has been done.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT, BINARIES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
MODEL = os.environ.get("EDGECHAT_STARTER_MODEL", "")


@unittest.skipUnless(os.path.isfile(MODEL), "EDGECHAT_STARTER_MODEL names no file")
class Terminal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = folder.name
        os.makedirs(os.path.join(self.tree, "build", "release"))
        os.makedirs(os.path.join(self.tree, "packaging"))
        os.symlink(BINARIES, os.path.join(self.tree, "build", "release", "bin"))
        shutil.copy(os.path.join(ROOT, "Makefile"), self.tree)
        for name in ("run.sh", "starter_model.sh", "display_usable.py"):
            shutil.copy(os.path.join(ROOT, "packaging", name), os.path.join(self.tree, "packaging"))
        built = os.path.join(self.tree, "packaging", "build.sh")
        with open(built, "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(built, 0o755)

    def run_make(self, text, **display):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MAKEFLAGS", "MAKELEVEL")}
        environment.update(EDGECHAT_HOME=self.tree, **display)
        return subprocess.run(["make", "run"], cwd=self.tree, env=environment, input=text, capture_output=True,
                              text=True, timeout=300)

    def test_a_question_on_stdin_is_answered_on_stdout(self):
        done = self.run_make("What is the capital of France?\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Paris", done.stdout)
        self.assertIn("there is no display here", done.stderr)

    def test_a_display_that_nobody_serves_is_no_display(self):
        done = self.run_make("What is the capital of France?\n", DISPLAY=":4711")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no window can be opened on DISPLAY=':4711'", done.stderr)
        self.assertTrue(done.stdout.strip())


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0]], verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
