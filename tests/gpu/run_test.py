#!/usr/bin/env python3
"""run.sh does every step, whatever the others come to, and says in its summary and exit code what was not done.

    run_test.py SOURCE_FOLDER GPU_PROGRAM

GPU_PROGRAM has the entry of the programs that need a GPU (device_main.cpp) and one test that needs none.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT, PROGRAM = (os.path.abspath(path) for path in (sys.argv.pop(1), sys.argv.pop(1)))
sys.path.insert(0, os.path.join(ROOT, "tests/packaging"))
from fake_tools import FakeTools  # noqa: E402

REAL = ("bash", "env", "timeout", "tee", "sed", "cat", "mkdir", "dirname", "rm", "grep", "tr", "head", "nproc", "sleep")
PASSED = 'echo "[  PASSED  ] 7 tests."'


class Run(unittest.TestCase):
    def setUp(self):
        self.tools = FakeTools(REAL)
        self.addCleanup(self.tools.close)
        self.folder = pathlib.Path(self.tools.folder.name)
        self.build = self.folder / "build with a space"
        (self.build / "bin").mkdir(parents=True)
        self.tools.add("cmake", "")
        self.tools.add("compute-sanitizer", PASSED)
        self.program("gpu_kernel_tests", PASSED)
        self.program("gpu_model_tests", PASSED + '; echo "[  SKIPPED ] 1 test, listed below:"')
        self.program("bench_cuda", 'echo "{}" >"$2"; echo "# table" >"$4"')

    def program(self, name, body):
        self.tools.add(name, body)
        os.rename(os.path.join(self.tools.bin, name), self.build / "bin" / name)

    def run_script(self, *arguments, **environment):
        """(exit code, {step: (verdict, detail)}, last line of the summary)"""
        done = self.tools.run([os.path.join(ROOT, "tests/gpu/run.sh"), "--build", str(self.build), *arguments],
                              **{"CUDA_HOME": str(self.folder), **environment})
        summary = self.build / "results/summary.txt"
        lines = summary.read_text(encoding="utf-8").splitlines() if summary.exists() else [""]
        steps = {match[1]: (match[2], match[3]) for line in lines
                 if (match := re.fullmatch(r"(\w+) +(ok|FAILED|ABSENT|not run) +\d+ s  (.*)", line))}
        self.output = done.stdout + done.stderr
        return done.returncode, steps, lines[-1]

    def calls(self, name):
        return [line for line in self.tools.log() if line.startswith(name + " ")]

    def test_all_well(self):
        code, steps, last = self.run_script()
        self.assertEqual(code, 0, self.output)
        self.assertEqual(steps, {"build": ("ok", ""), "kernels": ("ok", "7 tests"),
                                 "models": ("ok", "7 tests, 1 skipped"), "bench": ("ok", ""),
                                 "memcheck": ("ok", "7 tests, 7 tests"), "racecheck": ("ok", "7 tests, 7 tests")})
        self.assertEqual(last, "all well: build,kernels,models,bench,memcheck,racecheck")
        for name in ("build", "kernels", "models", "bench", "memcheck", "racecheck"):
            self.assertTrue((self.build / f"results/{name}.log").exists(), name)
        self.assertEqual((self.build / "results/results.md").read_text(encoding="utf-8"), "# table\n")

    def test_a_step_that_fails_is_named_and_the_others_run(self):
        self.program("gpu_kernel_tests", "echo one is wrong; exit 5")
        code, steps, last = self.run_script()
        self.assertEqual(code, 1, self.output)
        self.assertEqual(steps.pop("kernels"), ("FAILED", "exit code 5, see kernels.log"))
        self.assertEqual({verdict for verdict, _ in steps.values()}, {"ok"})
        self.assertEqual((len(steps), last), (5, "1 of the steps failed"))
        self.assertIn("one is wrong", (self.build / "results/kernels.log").read_text(encoding="utf-8"))

    def test_an_error_that_the_sanitizer_sees_in_one_program_is_not_lost_behind_the_other(self):
        self.tools.add("compute-sanitizer", PASSED + '; case "$*" in *memcheck*gpu_kernel_tests*) exit 9 ;; esac')
        code, steps, _ = self.run_script("--only", "memcheck,racecheck")
        self.assertEqual(code, 1, self.output)
        self.assertEqual(steps["memcheck"], ("FAILED", "exit code 9, see memcheck.log"))
        self.assertEqual(steps["racecheck"][0], "ok")
        self.assertEqual(len(self.calls("compute-sanitizer")), 4)

    def test_a_step_that_hangs_is_ended_and_named(self):
        self.program("gpu_model_tests", "sleep 600")
        code, steps, _ = self.run_script("--limit", "models=1")
        self.assertEqual(code, 1, self.output)
        self.assertEqual(steps.pop("models"), ("FAILED", "ended after 1 s, see models.log"))
        self.assertEqual({verdict for verdict, _ in steps.values()}, {"ok"})

    def test_a_program_without_tests_has_not_passed(self):
        self.tools.add("compute-sanitizer", 'echo "[  PASSED  ] 0 tests."')
        code, steps, _ = self.run_script("--only", "memcheck")
        self.assertEqual((code, steps), (1, {"memcheck": ("FAILED", "ran no test, see memcheck.log")}), self.output)

    def test_nothing_is_run_after_a_build_that_failed(self):
        self.tools.add("cmake", "exit 2")
        code, steps, _ = self.run_script()
        self.assertEqual(code, 1, self.output)
        self.assertEqual(steps.pop("build"), ("FAILED", "exit code 2, see build.log"))
        self.assertEqual(set(steps.values()), {("not run", "the build failed")})
        self.assertEqual((len(steps), len(self.calls("gpu_kernel_tests"))), (5, 0))

    def test_without_the_sanitizer_the_proof_is_incomplete(self):
        os.unlink(os.path.join(self.tools.bin, "compute-sanitizer"))
        code, steps, last = self.run_script()
        self.assertEqual(code, 3, self.output)
        self.assertEqual(steps["memcheck"], ("ABSENT", "no compute-sanitizer on this machine"))
        self.assertEqual(steps["racecheck"], ("ABSENT", "no compute-sanitizer on this machine"))
        self.assertEqual(last, "incomplete: 2 of the steps could not be done here")
        self.program("bench_cuda", "exit 1")
        self.assertEqual(self.run_script()[0], 1, "a failure says more than that something was absent")

    def test_finds_the_sanitizer_in_the_toolkit(self):
        os.mkdir(self.folder / "compute-sanitizer")
        os.rename(os.path.join(self.tools.bin, "compute-sanitizer"), self.folder / "compute-sanitizer/compute-sanitizer")
        code, steps, _ = self.run_script("--only", "memcheck")
        self.assertEqual((code, steps["memcheck"][0]), (0, "ok"), self.output)

    def test_only_does_what_was_asked(self):
        code, steps, last = self.run_script("--only", "bench,kernels")
        self.assertEqual((code, set(steps), last), (0, {"kernels", "bench"}, "all well: bench,kernels"), self.output)
        self.assertEqual(self.calls("cmake") + self.calls("compute-sanitizer"), [])

    def test_quick_reaches_the_benchmark_and_the_choice_of_models(self):
        self.run_script()
        whole, long = self.calls("bench_cuda")[0], self.calls("compute-sanitizer")[1]
        self.tools.clear_log()
        self.run_script("--quick")
        quick, short = self.calls("bench_cuda")[0], self.calls("compute-sanitizer")[1]
        self.assertEqual((whole.endswith(" --quick"), quick.endswith(" --quick")), (False, True))
        self.assertIn("gpu_model_tests", short)
        self.assertLess(len(short), len(long))

    def test_results_say_what_they_are_of(self):
        self.tools.add("nvidia-smi", 'case "$*" in *driver_version*) echo 570.86.10 ;; esac')
        self.run_script("--only", "bench", EDGECHAT_COMMIT="0123abc")
        call, results = self.calls("bench_cuda")[0], self.build / "results"
        self.assertEqual(call, f"bench_cuda --out {results}/results.json --table {results}/results.md "
                               "--fact commit 0123abc --fact driver 570.86.10")

    def test_results_of_an_earlier_run_do_not_stay(self):
        self.run_script("--only", "bench")
        self.program("bench_cuda", "exit 1")
        self.run_script("--only", "bench")
        self.assertFalse((self.build / "results/results.json").exists())

    def test_usage(self):
        for arguments in (["--nothing"], ["--only"], ["--only", "kernels,models,benhc"], ["--only", ""],
                          ["--limit", "kernels"], ["--limit", "kernel=1"], ["--build"]):
            code, _, _ = self.run_script(*arguments)
            self.assertEqual(code, 2, arguments)
            self.assertIn("--only STEPS", self.output)
            self.assertNotIn("set -u", self.output)
        self.assertEqual(self.tools.log(), [])


@unittest.skipIf(shutil.which("nvidia-smi") and subprocess.run("nvidia-smi", capture_output=True).returncode == 0,
                 "there is a GPU here")
class WithoutGpu(unittest.TestCase):
    """The programs themselves: what cannot be tested has not passed, and is not skipped."""

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)

    def test_fails_with_one_line_that_says_why(self):
        done = self.run_program("--gtest_brief=1")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Ano GPU to test on: .+[.\w]\n\Z")

    def test_lists_its_tests_all_the_same(self):
        self.assertEqual(self.run_program("--gtest_list_tests").returncode, 0)


if __name__ == "__main__":
    unittest.main()
