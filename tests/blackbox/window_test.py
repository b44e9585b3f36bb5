#!/usr/bin/env python3
"""The real program on a real X server: ask, wait for the answer, kill it in mid-answer, find everything again.

    window_test.py EDGECHAT FOLDER_FOR_PICTURES [unittest arguments]

EDGECHAT_STARTER_MODEL names the model, EDGECHAT_WRITE_TINY_MODELS the program that makes small ones; without them
the tests that need one are skipped (exit 77 if all were).
"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

from desktop import Desktop, History, Program, wait_for

BINARY, PICTURES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
MODEL = os.environ.get("EDGECHAT_STARTER_MODEL", "")
TINY_MODELS = os.environ.get("EDGECHAT_WRITE_TINY_MODELS", "")
SANITIZED = os.environ.get("EDGECHAT_SANITIZED") == "1"
# Greedy, so that the same question has the same answer on every run.
CONFIGURATION = "[generation]\ntemperature=0\n"


class Window(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        os.chmod(self.home, 0o700)
        os.makedirs(os.path.join(self.home, "config"))
        with open(os.path.join(self.home, "config", "config.ini"), "w") as file:
            file.write(CONFIGURATION)
        self.desktop = Desktop()
        self.addCleanup(self.desktop.close)
        self.history = History(self.home)

    def start(self, *arguments):
        program = Program(BINARY, self.desktop, self.home, *arguments)
        self.addCleanup(program.kill)
        return program

    def picture(self, name):
        self.desktop.screenshot(os.path.join(PICTURES, name + ".png"))

    def ask(self, text):
        """Types into whatever has the cursor and sends; returns when the question is in the history."""
        before = len(self.history.messages(History.USER))
        self.desktop.type(text)
        self.desktop.press("Return")
        asked = wait_for("the question in the history", lambda: self.history.messages(History.USER)[before:])
        self.assertEqual(asked[0][2], text)

    def complete_answer(self):
        return wait_for("a complete answer", lambda: self.history.last_answer()[1] == History.COMPLETE
                        and self.history.last_answer())


@unittest.skipUnless(os.path.isfile(MODEL), "EDGECHAT_STARTER_MODEL names no file")
class WithTheStarterModel(Window):
    def test_a_question_typed_after_start_is_answered(self):
        program = self.start("--model", MODEL)
        self.ask("What is the capital of France?")
        answer = self.complete_answer()
        self.assertIn("Paris", answer[2])
        time.sleep(1)
        self.picture("answered")
        self.assertEqual(program.internet_sockets(), [])
        self.assertEqual(program.quit(), 0, program.output())

    def test_rests_when_it_has_nothing_to_do(self):
        program = self.start("--model", MODEL)
        self.ask("Hello!")
        self.complete_answer()
        time.sleep(5)
        before = program.cpu_ticks()
        time.sleep(5)
        used = (program.cpu_ticks() - before) / os.sysconf("SC_CLK_TCK")
        # The figures of the machine are read every two seconds; drawing, or a spinning thread, costs far more.
        self.assertLess(used, 0.25, "seconds of CPU time in five seconds of rest")

    def test_killed_in_mid_answer_it_comes_back_with_what_was_there(self):
        program = self.start("--model", MODEL)
        self.ask("Write a long story about a lighthouse keeper who finds a map.")
        partial = wait_for("part of an answer in the history",
                           lambda: self.history.last_answer()[1] == History.STREAMING
                           and len(self.history.last_answer()[2]) > 80 and self.history.last_answer())
        program.kill()
        kept = self.history.last_answer()
        self.assertEqual(kept[0], partial[0])
        self.assertTrue(kept[2].startswith(partial[2]), kept)
        self.assertEqual(kept[1], History.STREAMING)

        program = self.start("--model", MODEL)
        found = wait_for("the answer marked as interrupted",
                         lambda: self.history.last_answer()[1] == History.INTERRUPTED and self.history.last_answer())
        self.assertEqual((found[0], found[2]), (kept[0], kept[2]))
        self.assertEqual(len(self.history.messages(History.USER)), 1)
        # The window lists the conversation; opened by its title, what it copies as the last answer is what was kept.
        time.sleep(2)
        self.desktop.press("ctrl+k")
        time.sleep(1)
        self.desktop.type("lighthouse keeper")
        time.sleep(1)
        self.desktop.press("Return")
        time.sleep(1)
        self.picture("restarted")
        wait_for("the kept answer on the clipboard", lambda: self.copied_answer() == kept[2].strip(), 30)
        program.quit()

    def copied_answer(self):
        self.desktop.press("ctrl+shift+c")
        return self.desktop.clipboard().strip()


@unittest.skipUnless(os.path.isfile(TINY_MODELS), "EDGECHAT_WRITE_TINY_MODELS names no program")
class WithTwoTinyModels(Window):
    """Random weights: what is said does not matter, who says it does."""

    def setUp(self):
        super().setUp()
        self.models = tempfile.TemporaryDirectory()
        self.addCleanup(self.models.cleanup)
        subprocess.run([TINY_MODELS, self.models.name], check=True, timeout=60)
        with open(os.path.join(self.home, "config", "config.ini"), "a") as file:
            file.write("maxTokens=24\n[models]\nrecent=" + ", ".join(self.model(n) for n in ("chatty", "plain")) + "\n")

    def model(self, name):
        return os.path.join(self.models.name, name + ".gguf")

    def answered(self, count):
        """(model, prompt tokens) of the newest of `count` answers that have ended."""
        rows = wait_for(f"{count} ended answers", lambda: len(self.ended_answers()) == count and self.ended_answers())
        return rows[-1]

    def ended_answers(self):
        return self.history.rows("SELECT model, prompt_tokens FROM messages WHERE role = 1 AND status != 1"
                                 " AND prompt_tokens > 0 ORDER BY id")

    def test_a_conversation_goes_on_with_another_model(self):
        program = self.start("--model", self.model("chatty"))
        self.ask("hello there")
        model, first = self.answered(1)
        self.assertEqual(model, "chatty")
        self.desktop.press("ctrl+l")
        time.sleep(1)
        self.picture("switcher")
        self.desktop.press("Down", "Return")  # the list begins at the loaded model
        time.sleep(2)
        self.picture("switched")
        self.ask("go on")
        model, second = self.answered(2)
        self.assertEqual(model, "plain")
        self.assertGreater(second, first)
        self.assertEqual(len(self.history.rows("SELECT DISTINCT conversation_id FROM messages")), 1)
        time.sleep(1)
        self.picture("answered-by-another")
        self.assertEqual(program.quit(), 0, program.output())


class WithoutAModel(Window):
    @unittest.skipIf(SANITIZED, "a sanitizer's shadow memory is not the program's")
    def test_it_takes_less_than_120_MB(self):
        program = self.start()
        time.sleep(4)
        self.picture("no-model")
        self.assertLess(program.status("VmRSS") / 1e6, 120, "megabytes resident without a model")
        self.assertEqual(program.internet_sockets(), [])
        self.assertEqual(program.quit(), 0, program.output())


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
