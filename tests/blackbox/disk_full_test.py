#!/usr/bin/env python3
"""A real file system that fills up in every stage of `edgechat-cli pull --quantize`.

    disk_full_test.py EDGECHAT_CLI HUB_SIMULATOR WRITE_SMALL_CHECKPOINTS

Runs in a mount namespace of its own, where it may mount a small tmpfs; ends with 77, a skip, where the system does
not let it. Needs no rights.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from hub import PATIENCE, Hub, Lines, environment, files_below, sha256_of, wait_for

CLI, SIMULATOR, WRITE_CHECKPOINTS = sys.argv[1:4]
INSIDE = "EDGECHAT_TEST_NAMESPACE"
DISK_BYTES = 160 << 20  # more than the 64 MiB that EdgeChat leaves free, and what it makes


class DiskFull(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = os.path.join(folder.name, "checkpoints", "llama")
        subprocess.run([WRITE_CHECKPOINTS, os.path.dirname(self.source)], check=True)
        self.disk = os.path.join(folder.name, "disk")
        os.mkdir(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.home = os.path.join(self.disk, "home")
        self.hub = Hub(SIMULATOR, self.source)
        self.addCleanup(self.hub.end)
        self.ballast = os.path.join(self.disk, "ballast")

    def fill(self, spare=0):
        """Leaves `spare` bytes of the disk."""
        with open(self.ballast, "wb") as file:
            while True:
                state = os.statvfs(self.disk)
                more = state.f_bavail * state.f_frsize - spare
                if more <= 0:
                    return
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, more)
                except OSError as error:
                    if error.errno != errno.ENOSPC:  # else somebody wrote in between
                        raise

    def pull(self, *more, until=None):
        """Pulls; where `until` is given the disk fills up as soon as stderr holds it."""
        process = subprocess.Popen(
            [CLI, "pull", "org/tiny", "--endpoint", self.hub.endpoint, "--progress", "json", "--json", *more],
            env=environment(self.hub, self.home), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        output, errors = Lines(process.stdout), Lines(process.stderr)
        try:
            if until:
                wait_for(lambda: until in errors.text or process.poll() is not None, until)
                process.send_signal(signal.SIGSTOP)
                self.fill()
                process.send_signal(signal.SIGCONT)
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
        said = output.whole(), errors.whole()
        process.stdout.close()
        process.stderr.close()
        return (process.returncode, *said)

    def expect_full(self, code, output, errors, most_models=0):
        self.assertEqual(code, 4, errors)
        self.assertTrue("space" in errors or "room" in errors or "disk" in errors, errors)
        self.assertIn("error", json.loads(output))
        self.assertLessEqual(len(self.models()), most_models, output + errors)
        for path in files_below(os.path.join(self.home, "downloads")):
            name = os.path.basename(path)
            if name in os.listdir(self.source) and "quantized" not in path:
                self.assertEqual(sha256_of(path), sha256_of(os.path.join(self.source, name)), path)

    def models(self):
        done = subprocess.run([CLI, "list", "--json"], env=environment(self.hub, self.home), capture_output=True,
                              text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["models"]

    def expect_stored(self, code, output, errors):
        self.assertEqual(code, 0, errors)
        report = json.loads(output)
        for file in report["files"]:
            self.assertEqual(sha256_of(os.path.join(report["path"], file["name"])), file["sha256"], file)
        self.assertEqual(len(self.models()), 1)
        self.assertEqual(files_below(os.path.join(self.home, "downloads")), [])
        done = subprocess.run([CLI, "generate", "tiny", "--raw", "--prompt", "the sea", "--max-tokens", "2", "--json"],
                              env=environment(self.hub, self.home), capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def fills_up_in(self, stage, *more):
        self.hub.start("slow host=cdn bytes=2000 times=-1")
        self.expect_full(*self.pull(*more, until=f'"stage":"{stage}"'))
        os.remove(self.ballast)
        self.expect_stored(*self.pull(*more))

    def test_before_anything_is_fetched(self):
        self.hub.start()
        self.fill(spare=1 << 20)
        self.expect_full(*self.pull("--quantize", "awq"))
        self.assertFalse([one for one in self.hub.end() if one["server"] == "cdn"])
        os.remove(self.ballast)
        self.hub.start()
        self.expect_stored(*self.pull("--quantize", "awq"))

    def test_in_the_download(self):
        self.fills_up_in("download")

    def test_in_the_download_of_a_job(self):
        self.fills_up_in("download", "--quantize", "awq")

    def test_in_the_quantizer(self):
        self.fills_up_in("quantize", "--quantize", "awq")

    def test_on_the_way_into_the_store(self):
        """That takes no room but for the records, and may be over before the disk is full, or all but the job's."""
        self.hub.start()
        code, output, errors = self.pull("--quantize", "awq", until='"stage":"import"')
        if code == 0:
            return self.expect_stored(code, output, errors)
        self.expect_full(code, output, errors, most_models=1)
        os.remove(self.ballast)
        self.expect_stored(*self.pull("--quantize", "awq"))


def enter_namespace():
    """Never returns: this script again, where it may mount, or a skip."""
    unshare = shutil.which("unshare")
    words = [unshare or "unshare", "--user", "--map-root-user", "--mount"]
    with tempfile.TemporaryDirectory() as folder:
        mount = [*words, "mount", "-t", "tmpfs", "none", folder]
        tried = unshare and subprocess.run(mount, capture_output=True, text=True)
    if not tried or tried.returncode != 0:
        print("skipped: no file system can be mounted here:", tried.stderr.strip() if tried else "unshare is missing")
        sys.exit(77)
    os.environ[INSIDE] = "1"
    os.execv(words[0], [*words, sys.executable, *sys.argv])


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter_namespace()
    unittest.main(argv=[sys.argv[0]], verbosity=2)
