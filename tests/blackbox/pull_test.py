#!/usr/bin/env python3
"""From a Hub to an answer, with a kill -9 and a network that goes away on the way.

    pull_test.py EDGECHAT_CLI HUB_SIMULATOR WRITE_SMALL_CHECKPOINTS

A small LLaMA, Mistral and Falcon, each as it is and quantized, from a gated repository of a simulated Hub.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from hub import PATIENCE, TOKEN, Hub, Lines, environment, files_below, sha256_of, wait_for

CLI, SIMULATOR, WRITE_CHECKPOINTS = sys.argv[1:4]
FAMILIES = ("llama", "mistral", "falcon")
PULLED = ("config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "model.safetensors.index.json",
          "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def command_lines():
    """Of all processes: what any user of the machine can read."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                yield file.read()
        except OSError:
            continue


def children_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(path.split("/")[2]))
    return found


@unittest.skipUnless(os.path.isdir("/proc/self"), "there is no /proc here")
class Pull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.checkpoints = tempfile.TemporaryDirectory()
        subprocess.run([WRITE_CHECKPOINTS, cls.checkpoints.name], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.checkpoints.cleanup()

    def begin(self, family):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = os.path.join(folder.name, "home")
        self.source = os.path.join(self.checkpoints.name, family)
        self.shards = {os.path.basename(path): sha256_of(path) for path in glob.glob(self.source + "/*.safetensors")}
        self.assertEqual(len(self.shards), 2)
        self.hub = Hub(SIMULATOR, self.source)
        self.addCleanup(self.hub.end)
        self.said = []
        self.pulling = None
        self.addCleanup(lambda: self.pulling and self.pulling.kill())

    def start_pull(self, *more):
        words = [CLI, "pull", "org/tiny", "--endpoint", self.hub.endpoint, "--progress", "json", "--json", *more]
        self.pulling = subprocess.Popen(words, env=environment(self.hub, self.home), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.output, self.errors = Lines(self.pulling.stdout), Lines(self.pulling.stderr)

    def end_pull(self):
        self.pulling.wait(PATIENCE)
        output, errors = self.output.whole(), self.errors.whole()
        self.pulling.stdout.close()
        self.pulling.stderr.close()
        self.said += [output, errors]
        return self.pulling.returncode, output, errors

    def kill_pull(self):
        self.assertFalse(any(TOKEN.encode() in line for line in command_lines()), "the token in the process list")
        self.pulling.send_signal(signal.SIGKILL)
        code, _, errors = self.end_pull()
        self.assertEqual(code, -signal.SIGKILL, errors)
        self.expect_nothing_that_looks_finished()

    def run_cli(self, *words):
        done = subprocess.run([CLI, *words, "--json"], env=environment(self.hub, self.home), capture_output=True,
                              text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def files_below(self, folder):
        return files_below(os.path.join(self.home, folder))

    def partial_bytes(self):
        """Bytes of each shard that are on the disk: all of those that are complete."""
        bytes_of = {}
        for path in self.files_below("downloads"):
            name = os.path.basename(path)
            if name.removesuffix(".partial") in self.shards:
                try:
                    bytes_of[name.removesuffix(".partial")] = os.path.getsize(path)
                except FileNotFoundError:  # renamed just now
                    continue
        return bytes_of

    def expect_nothing_that_looks_finished(self):
        self.assertEqual(self.run_cli("list")["models"], [])
        for path in self.files_below("downloads"):
            name = os.path.basename(path)
            if name in PULLED and "quantized" not in path:
                self.assertEqual(sha256_of(path), sha256_of(os.path.join(self.source, name)), path)

    def expect_continuation(self, requests, on_disk):
        """The first request for every shard's bytes begins exactly where those on the disk end."""
        for name, digest in self.shards.items():
            bodies = [one for one in requests if one["method"] == "GET" and digest in one["target"]]
            size, there = os.path.getsize(os.path.join(self.source, name)), on_disk.get(name, 0)
            if there == size:
                self.assertEqual(bodies, [], f"{name} was complete")
            elif bodies:
                self.assertEqual(bodies[0]["range"], f"bytes={there}-" if there else "", name)

    def break_the_download(self, *more):
        """One kill -9, then a network that is gone for a while and breaks once more."""
        slow = "slow host=cdn bytes=2000 times=-1"
        self.hub.start(slow)
        self.start_pull(*more)
        wait_for(lambda: max(self.partial_bytes().values(), default=0) > 40_000, "40 kB of a shard")
        self.kill_pull()
        on_disk = self.partial_bytes()
        self.assertTrue(any(0 < on_disk[name] < os.path.getsize(os.path.join(self.source, name)) for name in on_disk),
                        "the kill came too late")
        self.hub.end()

        self.hub.start(slow)
        self.start_pull(*more)
        wait_for(lambda: sum(self.partial_bytes().values()) > sum(on_disk.values()) + 40_000, "40 kB more")
        self.expect_continuation(self.hub.end(), on_disk)
        # Refused at the door, and it says that it goes on.
        wait_for(lambda: self.errors.text.count("trying again") >= 2, "two attempts without a network")
        self.assertIsNone(self.pulling.poll(), self.errors.text)
        on_disk = self.partial_bytes()
        self.assertTrue(any(0 < on_disk[name] < os.path.getsize(os.path.join(self.source, name)) for name in on_disk),
                        "the network went too late")
        self.hub.start("reset host=cdn method=GET bytes=10000 times=1")
        return on_disk

    def expect_answer(self, quantization):
        models = self.run_cli("list")["models"]
        self.assertEqual([model["name"] for model in models], ["tiny"])
        self.assertIn(quantization, models[0]["quantization"].lower())
        answer = self.run_cli("generate", "tiny", "--raw", "--prompt", "the sea", "--max-tokens", "4",
                              "--temperature", "0")
        self.assertGreater(answer["generated_tokens"], 0)
        self.assertEqual(len(answer["token_ids"]), answer["generated_tokens"])
        return answer

    def expect_secrecy(self):
        """The token went to the Hub, and nowhere else."""
        requests = self.hub.requests
        self.assertTrue(any(one["authorized"] for one in requests if one["server"] == "hub"))
        self.assertFalse([one for one in requests if one["authorized"] and one["server"] != "hub"])
        self.assertNotIn(TOKEN, "".join(self.said))
        for path in self.files_below("."):
            with open(path, "rb") as file:
                self.assertNotIn(TOKEN.encode(), file.read(), path)

    def expect_stored(self, output):
        report = json.loads(output)
        self.assertEqual(report["name"], "tiny")
        for file in report["files"]:
            path = os.path.join(report["path"], file["name"])
            self.assertEqual(sha256_of(path), file["sha256"], path)
            self.assertEqual(os.path.getsize(path), file["bytes"], path)
        self.assertEqual(self.files_below("downloads"), [])
        return report

    def check_plain(self, family):
        self.begin(family)
        on_disk = self.break_the_download()
        code, output, errors = self.end_pull()
        self.assertEqual(code, 0, errors)
        self.expect_continuation(self.hub.end(), on_disk)
        report = self.expect_stored(output)
        expected = {name: sha256_of(os.path.join(self.source, name)) for name in os.listdir(self.source)}
        self.assertEqual({file["name"]: file["sha256"] for file in report["files"]}, expected)
        self.expect_answer("")
        self.expect_secrecy()

    def expect_same_as_undisturbed(self):
        made = os.path.join(self.home, "direct")
        self.run_cli("quantize", self.source, "--output", made, "--method", "awq", "--group-size", "auto")
        stored = os.path.join(self.home, "models", "tiny")
        for name in os.listdir(made):
            if name != "edgechat.json":  # says how long it took
                self.assertEqual(sha256_of(os.path.join(stored, name)), sha256_of(os.path.join(made, name)), name)
        shutil.rmtree(made)

    def check_quantized(self, family):
        self.begin(family)
        quantize = ("--quantize", "awq")
        on_disk = self.break_the_download(*quantize)
        wait_for(lambda: '"stage":"quantize"' in self.errors.text or self.pulling.poll() is not None, "the quantizer")
        children = children_of(self.pulling.pid)
        self.assertTrue(children, self.errors.text)
        self.kill_pull()
        wait_for(lambda: not any(os.path.exists(f"/proc/{child}/fd/0") for child in children), "the quantizer's end")
        self.expect_continuation(self.hub.end(), on_disk)
        # What was fetched is there: the Hub is not asked again.
        self.start_pull(*quantize)
        code, output, errors = self.end_pull()
        self.assertEqual(code, 0, errors)
        self.expect_stored(output)
        if family == "llama":
            self.expect_same_as_undisturbed()
        self.expect_answer("awq")
        self.expect_secrecy()


for family in FAMILIES:
    setattr(Pull, f"test_{family}_as_it_is", lambda self, family=family: self.check_plain(family))
    setattr(Pull, f"test_{family}_quantized", lambda self, family=family: self.check_quantized(family))

if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun and len(result.skipped) == result.testsRun else 0)
