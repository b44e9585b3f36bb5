"""A PATH of fakes: scripts under test meet these programs and no others."""

import os
import shutil
import stat
import subprocess
import tempfile


class FakeTools:
    """Folder of fake programs; each call of a fake is a line in `log`."""

    def __init__(self, real=()):
        self.folder = tempfile.TemporaryDirectory()
        self.bin = os.path.join(self.folder.name, "bin")
        self.log_path = os.path.join(self.folder.name, "log")
        os.mkdir(self.bin)
        open(self.log_path, "w").close()
        for name in real:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))

    def close(self):
        self.folder.cleanup()

    def add(self, name, body):
        """A bash script; $LOG is the log file."""
        path = os.path.join(self.bin, name)
        with open(path, "w") as file:
            file.write(f'#!{shutil.which("bash")}\nLOG="{self.log_path}"\necho "{name} $*" >>"$LOG"\n{body}\n')
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def log(self):
        with open(self.log_path) as file:
            return file.read().splitlines()

    def clear_log(self):
        open(self.log_path, "w").close()

    def run(self, command, **environment):
        return subprocess.run(command, env={"PATH": self.bin, "HOME": self.folder.name, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
