#!/usr/bin/env python3
"""packaging/install_packages.sh names what is missing before it installs, and installs nothing else."""

import os
import sys
import unittest

from fake_tools import FakeTools

SCRIPT = os.path.join(os.path.abspath(sys.argv.pop(1)), "packaging", "install_packages.sh")
REAL = ("bash", "env", "cat", "tr", "grep")


class InstallPackages(unittest.TestCase):
    def setUp(self):
        self.tools = FakeTools(REAL)
        self.addCleanup(self.tools.close)
        self.list = os.path.join(self.tools.folder.name, "list.txt")
        self.archive("g++", "cmake", "qt-svg-new", "extra")
        self.tools.add("apt-get", 'echo "apt-get output"')
        self.user(0)

    def packages(self, text):
        with open(self.list, "w") as file:
            file.write(text)

    def installed(self, *names, removed=()):
        lines = [f"installed {n}" for n in names] + [f"config-files {n}" for n in removed]
        self.tools.add("dpkg-query", "".join(f'echo "{line}"\n' for line in lines))

    def archive(self, *names):
        cases = "|".join(names)
        self.tools.add("apt-cache", f'case "$2" in {cases}) echo "  Candidate: 1.0";; *) echo "  Candidate: (none)";; esac')

    def user(self, number, sudo=False):
        self.tools.add("id", f"echo {number}")
        if sudo:
            self.tools.add("sudo", '"$@"')

    def run_script(self, **environment):
        return self.tools.run([SCRIPT, self.list], **environment)

    def apt_calls(self):
        return [line for line in self.tools.log() if line.startswith("apt-get")]

    def test_says_and_does_nothing_when_all_is_there(self):
        self.packages("# comment\ng++\ncmake # why\n\n")
        self.installed("g++", "cmake")
        done = self.run_script()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.apt_calls(), [])

    def test_lists_what_is_missing_before_it_installs_that_alone(self):
        self.packages("g++\ncmake\n")
        self.installed("g++")
        done = self.run_script()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertLess(done.stderr.index("    cmake\n"), done.stderr.index("apt-get output"))
        self.assertNotIn("g++", done.stderr)
        self.assertEqual(self.apt_calls(),
                         ["apt-get -q update", "apt-get -q install -y --no-install-recommends cmake"])

    def test_a_package_that_was_removed_is_missing(self):
        self.packages("cmake\n")
        self.installed(removed=["cmake"])
        self.run_script()
        self.assertIn("apt-get -q install -y --no-install-recommends cmake", self.apt_calls())

    def test_either_of_two_names_will_do(self):
        self.packages("qt-svg-new|qt-svg-old\n")
        self.installed("qt-svg-old")
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual(self.apt_calls(), [])

    def test_of_two_names_the_one_in_the_archive_is_installed(self):
        self.packages("qt-svg-newest|qt-svg-new\n")
        self.installed()
        self.assertEqual(self.run_script().returncode, 0)
        self.assertEqual(self.apt_calls()[-1], "apt-get -q install -y --no-install-recommends qt-svg-new")

    def test_an_optional_package_that_the_archive_lacks_is_left_out_silently(self):
        self.packages("cmake\n?not-here\n")
        self.installed("cmake")
        done = self.run_script()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.apt_calls(), [])

    def test_an_optional_package_that_the_archive_has_is_installed(self):
        self.packages("cmake\n?extra\n")
        self.installed("cmake")
        self.run_script()
        self.assertEqual(self.apt_calls()[-1], "apt-get -q install -y --no-install-recommends extra")

    def test_a_user_with_sudo_installs_through_it(self):
        self.packages("cmake\n")
        self.installed()
        self.user(1000, sudo=True)
        self.assertEqual(self.run_script().returncode, 0)
        calls = [line for line in self.tools.log() if line.startswith("sudo")]
        self.assertEqual(calls[-1], "sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y "
                                    "--no-install-recommends cmake")

    def test_root_does_not_ask_sudo(self):
        self.packages("cmake\n")
        self.installed()
        self.user(0, sudo=True)
        self.assertEqual(self.run_script().returncode, 0)
        self.assertFalse([line for line in self.tools.log() if line.startswith("sudo")])

    def test_with_neither_root_nor_sudo_it_says_what_to_do(self):
        self.packages("g++\nqt-svg-new|qt-svg-old\n")
        self.installed()
        self.user(1000)
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.apt_calls(), [])
        self.assertIn("no sudo", done.stderr)
        self.assertIn("apt-get install g++ qt-svg-new\n", done.stderr)

    def test_an_archive_out_of_reach_is_said_in_words(self):
        self.packages("cmake\n")
        self.installed()
        self.tools.add("apt-get", "exit 100")
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("network", done.stderr)

    def test_a_package_that_cannot_be_installed_is_named(self):
        self.packages("cmake\n")
        self.installed()
        self.tools.add("apt-get", '[ "$2" = update ] || exit 100')
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not install: cmake", done.stderr)

    def test_a_machine_without_apt_gets_the_list(self):
        self.packages("cmake\n")
        done = self.run_script()
        self.assertEqual(done.returncode, 1)
        self.assertIn("    cmake\n", done.stderr)
        self.assertEqual(self.run_script(EDGECHAT_SKIP_PACKAGES="1").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
