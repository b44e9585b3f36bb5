#!/usr/bin/env python3
"""packaging/run.sh opens the window where there is a display, chats in the terminal where there is none."""

import os
import shutil
import socket
import sys
import threading
import unittest

from fake_tools import FakeTools

ROOT = os.path.abspath(sys.argv.pop(1))
MODEL = "/models/starter.gguf"
# stdin is no terminal in these tests: a question that is piped in has the same answer each time.
IN_TERMINAL = f"terminal chat {MODEL} --temperature 0 --repeat-penalty 1.1\n"


class XServer(threading.Thread):
    """Answers one connection set-up as an X server does: 1 for welcome, 0 for not you."""

    def __init__(self, number, answer):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(f"\0/tmp/.X11-unix/X{number}")
        self.socket.listen(1)
        self.answer = answer
        self.start()

    def run(self):
        client, _ = self.socket.accept()
        client.recv(4096)
        client.sendall(self.answer)
        client.close()

    def close(self):
        self.socket.close()


class Run(unittest.TestCase):
    def setUp(self):
        self.tools = FakeTools(("bash", "env", "dirname", "python3", "cat"))
        self.addCleanup(self.tools.close)
        self.tree = os.path.join(self.tools.folder.name, "tree")
        os.makedirs(os.path.join(self.tree, "packaging"))
        os.makedirs(os.path.join(self.tree, "build", "release", "bin"))
        for name in ("run.sh", "display_usable.py"):
            shutil.copy(os.path.join(ROOT, "packaging", name), os.path.join(self.tree, "packaging"))
        self.program("packaging/build.sh", "")
        self.program("packaging/starter_model.sh", f"echo {MODEL}")
        self.program("build/release/bin/edgechat", 'echo "window $*"')
        self.program("build/release/bin/edgechat-cli", 'echo "terminal $*"')
        # A number that no screen of this machine has.
        self.number = 90000 + os.getpid() % 9000

    def program(self, path, body):
        self.tools.add("program", body)
        os.rename(os.path.join(self.tools.bin, "program"), os.path.join(self.tree, path))

    def run_script(self, **environment):
        return self.tools.run([os.path.join(self.tree, "packaging", "run.sh")], **environment)

    def x_server(self, answer):
        server = XServer(self.number, answer)
        self.addCleanup(server.close)
        return f":{self.number}"

    def test_opens_the_window_with_the_model(self):
        done = self.run_script(DISPLAY=self.x_server(b"\1"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"window --model {MODEL}\n", ""))

    def test_chats_in_the_terminal_without_a_display_and_says_so(self):
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (0, IN_TERMINAL))
        self.assertIn("there is no display here", done.stderr)

    def test_a_screen_that_is_gone_is_no_display(self):
        done = self.run_script(DISPLAY=f":{self.number}")
        self.assertEqual(done.stdout, IN_TERMINAL)
        self.assertIn(f"DISPLAY=':{self.number}'", done.stderr)

    def test_a_screen_that_refuses_this_user_is_no_display(self):
        done = self.run_script(DISPLAY=self.x_server(b"\0"))
        self.assertEqual(done.stdout, IN_TERMINAL)

    def test_a_wayland_socket_is_a_display(self):
        path = os.path.join(self.tools.folder.name, "wayland-0")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            done = self.run_script(WAYLAND_DISPLAY="wayland-0", XDG_RUNTIME_DIR=self.tools.folder.name)
        self.assertEqual(done.stdout, f"window --model {MODEL}\n")

    def test_without_the_model_the_window_opens_all_the_same(self):
        self.program("packaging/starter_model.sh", "exit 5")
        done = self.run_script(DISPLAY=self.x_server(b"\1"))
        self.assertEqual((done.returncode, done.stdout), (0, "window \n"))

    def test_without_model_and_display_there_is_nothing_to_start(self):
        self.program("packaging/starter_model.sh", "exit 5")
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (5, ""))
        self.assertIn("no model to chat with", done.stderr)

    def test_a_build_that_fails_starts_nothing(self):
        self.program("packaging/build.sh", "exit 1")
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
