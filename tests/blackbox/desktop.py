"""A screen without a screen, and the real program on it, as a person would use it."""

import glob
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

DEADLINE = 180  # seconds until a thing that has to happen counts as not happening; no speed is asserted


class GaveUp(AssertionError):
    pass


def wait_for(what, condition, seconds=DEADLINE):
    """The first truthy value of condition(), polled; GaveUp after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise GaveUp(f"waited {seconds} s in vain for {what}")


class Desktop:
    """Xvfb on a display number of its own, with a window manager where there is one."""

    def __init__(self, size="1200x780"):
        read, write = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
            pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise GaveUp("Xvfb did not start")
        self.display = f":{number}"
        self.manager = None
        if shutil.which("openbox"):
            self.manager = subprocess.Popen(["openbox"], env=self.environment(), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        return {**kept, "DISPLAY": self.display}

    def close(self):
        for process in (self.manager, self.server):
            if process:
                process.terminate()
                process.wait()

    def xdotool(self, *arguments):
        done = subprocess.run(["xdotool", *arguments], env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else ""

    def type(self, text):
        self.xdotool("type", "--delay", "15", "--", text)

    def press(self, *keys):
        self.xdotool("key", "--delay", "30", *keys)

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run(["import", "-window", "root", path], env=self.environment(), stdin=subprocess.DEVNULL,
                       check=True, timeout=60)

    def clipboard(self):
        done = subprocess.run(["xclip", "-selection", "clipboard", "-o"], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        return done.stdout if done.returncode == 0 else ""


class Program:
    """One run of `edgechat`."""

    def __init__(self, binary, desktop, home, *arguments):
        self.desktop = desktop
        self.log = tempfile.TemporaryFile()
        environment = {
            **desktop.environment(), "HOME": home, "EDGECHAT_HOME": home, "QT_QPA_PLATFORM": "xcb",
            "XDG_RUNTIME_DIR": home,
            # No session bus: nothing of the machine that runs the test takes part.
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=" + os.path.join(home, "no-bus"),
        }
        self.process = subprocess.Popen([binary, "--safe-graphics", *arguments], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.window = wait_for("the window", self.find_window)
        except BaseException:
            self.kill()
            raise

    def find_window(self):
        if self.process.poll() is not None:
            raise GaveUp(f"edgechat ended with {self.process.returncode}:\n{self.output()}")
        found = self.desktop.xdotool("search", "--onlyvisible", "--pid", str(self.process.pid)).split()
        if not found:
            return None
        self.desktop.xdotool("windowfocus", "--sync", found[-1])
        return found[-1]

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def kill(self):
        """kill -9: no handler runs, nothing is saved on the way out."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def quit(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)

    def status(self, field):
        """A value in kB of /proc/PID/status, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(rf"^{field}:\s*(\d+) kB$", file.read(), re.MULTILINE).group(1)) * 1024

    def cpu_ticks(self):
        """CPU time of all threads so far, user and system, in clock ticks."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def internet_sockets(self):
        """Lines of /proc/net for the TCP and UDP sockets that the process holds."""
        inodes = set()
        for link in glob.glob(f"/proc/{self.process.pid}/fd/*"):
            try:
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
            except OSError:
                continue
            if match:
                inodes.add(match.group(1))
        held = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            path = f"/proc/{self.process.pid}/net/{table}"
            if os.path.exists(path):
                with open(path) as file:
                    held += [line.strip() for line in file.readlines()[1:] if line.split()[9] in inodes]
        return held


class History:
    """What the program has written, read as another program would."""

    USER, ASSISTANT = 0, 1
    COMPLETE, STREAMING, INTERRUPTED = 0, 1, 3

    def __init__(self, home):
        self.path = os.path.join(home, "history.sqlite")

    def rows(self, query, *values):
        if not os.path.exists(self.path):
            return []
        try:
            connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)
            try:
                return connection.execute(query, values).fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError:
            return []  # not there yet, or being made

    def messages(self, role):
        """(id, status, text) of all messages of a role, oldest first."""
        return self.rows("SELECT id, status, text FROM messages WHERE role = ? ORDER BY id", role)

    def last_answer(self):
        rows = self.messages(self.ASSISTANT)
        return rows[-1] if rows else (0, None, "")
