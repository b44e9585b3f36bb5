"""The simulated Hub as a process, and what tests of `edgechat-cli pull` share."""

import hashlib
import json
import os
import subprocess
import threading
import time

TOKEN = "hf_member"  # whom the simulator lets in
PATIENCE = 120  # seconds, of a test that hangs


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.002)


class Lines:
    """What a stream says, read beside the test."""

    def __init__(self, stream):
        self.text = ""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            self.text += line

    def whole(self):
        self._thread.join(PATIENCE)
        return self.text


class Hub:
    """The simulated Hub as a process, which can go away and come back at its address."""

    def __init__(self, simulator, folder):
        self.simulator = simulator
        self.folder = folder
        self.port = "0"
        self.requests = []
        self.process = None

    def start(self, *faults):
        words = [self.simulator, "org/tiny", self.folder, "--gated", "manual", "--port", self.port]
        for fault in faults:
            words += ["--fault", fault]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.process.stdout.readline().strip()
        self.port = self.endpoint.rsplit(":", 1)[1]
        self._lines = Lines(self.process.stdout)

    def end(self):
        """As sudden as a cable that is pulled; its requests are kept."""
        if self.process is None:
            return []
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        said = [json.loads(line) for line in self._lines.whole().splitlines()]
        self.process.stdout.close()
        self.process = None
        self.requests += said
        return said


def files_below(folder):
    return [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]


def environment(hub, home):
    """Of a program that keeps everything in `home` and has a token for the Hub."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("HF_") and not name.lower().endswith("_proxy")}
    kept.update(EDGECHAT_HOME=home, EDGECHAT_KEYRING="0", HF_HOME=home + "-hf", HF_TOKEN=TOKEN,
                EDGECHAT_TOKEN_HOST=hub.endpoint.split("//")[1], QT_LOGGING_RULES="*=true")
    return kept
