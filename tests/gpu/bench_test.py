#!/usr/bin/env python3
"""bench_cuda's own arithmetic and files, on a processor with a clock that ticks a microsecond from mark to mark.

    bench_test.py PROGRAM

The expected numbers are worked out here from the shapes in synthetic_model.cpp and the clock, memory and cuBLAS of
tests/inference/cuda/harness/bench_device.cpp. Times of the processor are only held against each other.
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
LAYERS, HIDDEN, FFN, VOCAB, HEAD, HEADS = 2, 256, 256, 256, 64, 4
READ, CLOCK, MULTIPROCESSORS = 100e9, 0.625e9, 8
PEAK = 2048 * MULTIPROCESSORS * CLOCK  # a Jetson Orin's
CACHE_STEP = 64  # positions: a cache holds whole runs of them


def int4(weights, group):
    """Bytes: half a byte, and for a group a scale of two and a zero point of half a byte."""
    return weights * (0.5 + 2.5 / group)


class Shape:
    def __init__(self, name, kv_heads, group, prompt, tied, maps):
        self.name, self.group, self.prompt, self.maps = name, group, prompt, maps
        self.qkv = (HEADS + 2 * kv_heads) * HEAD * HIDDEN
        self.answer = 2
        vocabulary = VOCAB * HIDDEN * (1 + 2 / 64)  # int8, a scale of two bytes for 64
        self.weights = {"queries, keys, values": self.qkv, "output": HIDDEN * HIDDEN, "down": FFN * HIDDEN,
                        "up": (1 if tied else 2) * FFN * HIDDEN}
        self.per_token = LAYERS * int4(sum(self.weights.values()), group) + vocabulary
        # Norms are fp32: two a layer and the last one, or with a bias one a layer and the last one.
        norms = (2 * (LAYERS + 1) if tied else 2 * LAYERS + 1) * HIDDEN * 4
        self.resident = self.per_token + norms + (0 if tied else vocabulary)
        positions = -(-(prompt + self.answer) // CACHE_STEP) * CACHE_STEP
        self.cache = LAYERS * 2 * kv_heads * HEAD * positions * 2

    def bytes_of(self, operation):
        return sum(LAYERS * int4(self.weights[name], self.group) for name in self.maps[operation])


LLAMA = Shape("tiny-llama", 2, 128, 260, False,
              {name: [name] for name in ("queries, keys, values", "output", "up", "down")})
FALCON = Shape("tiny-falcon", 1, 64, 12, True,
               {"queries, keys, values": ["queries, keys, values", "up"], "down": ["output", "down"]})
# Launches of a decoded token: both norms of a layer; the head has one of its own.
LAUNCHES = {"tiny-llama": {"embed": 1, "norm": 4, "queries, keys, values": 2, "attention": 2, "output": 2, "up": 2,
                           "down": 2, "head": 2},
            "tiny-falcon": {"embed": 1, "norm": 2, "queries, keys, values": 2, "attention": 2, "down": 2, "head": 2}}


def numbers(json_value, path=""):
    if isinstance(json_value, bool) or isinstance(json_value, str):
        return
    if isinstance(json_value, (int, float)):
        yield path, json_value
    elif json_value is None:
        yield path, math.nan
    else:
        items = json_value.items() if isinstance(json_value, dict) else enumerate(json_value)
        for key, value in items:
            yield from numbers(value, f"{path}/{key}")


def run(folder, *arguments, **environment):
    return subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment})


class Bench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.done = run(folder.name, "--quick", "--shape", "tiny-llama", "--shape", "tiny-falcon", "--out", "r.json",
                       "--table", "r.md", "--fact", "commit", "0123abc", "--fact", "power mode", "15W")
        if cls.done.returncode != 0:
            raise AssertionError(cls.done.stdout + cls.done.stderr)
        cls.results = json.loads(pathlib.Path(folder.name, "r.json").read_text(encoding="utf-8"))
        cls.table = pathlib.Path(folder.name, "r.md").read_text(encoding="utf-8")

    def models(self):
        self.assertEqual([model["model"] for model in self.results["models"]], [LLAMA.name, FALCON.name])
        return zip((LLAMA, FALCON), self.results["models"])

    def test_every_number_is_one(self):
        found = dict(numbers(self.results))
        self.assertGreater(len(found), 200)
        self.assertEqual({path: value for path, value in found.items() if not (math.isfinite(value) and value > 0)}, {})

    def test_says_what_was_run_on_what(self):
        self.assertRegex(self.results["run"].pop("date"), r"^20\d\d-\d\d-\d\d$")
        self.assertEqual(self.results["run"], {"commit": "0123abc", "power mode": "15W", "repetitions": "few"})
        device = self.results["device"]
        self.assertEqual(device["compute_capability"], "8.7")
        self.assertEqual((device["read_bytes_per_second"], device["copy_bytes_per_second"]), (READ, 90e9))
        self.assertAlmostEqual(device["bytes_per_second_of_the_bus"], 2 * 2e9 * 128 / 8, delta=1)
        self.assertAlmostEqual(device["dense_fp16_flop_per_second"], PEAK, delta=1e3)

    def test_counts(self):
        for shape, model in self.models():
            self.assertEqual(model["bytes_per_token"], shape.per_token)
            self.assertEqual(model["weight_bytes"], shape.resident)
            self.assertEqual(model["cache_bytes"], shape.cache)
            self.assertEqual(model["launches_per_token"], sum(LAUNCHES[shape.name].values()))
            self.assertEqual(model["launches_per_layer"], 4 if shape is FALCON else 7)

    def test_decode(self):
        for shape, model in self.models():
            decode = model["decode"]
            self.assertEqual((decode["from_position"], decode["tokens"], len(decode["runs"])), (shape.prompt, 2, 3))
            self.assertEqual([decode["least"], decode["tokens_per_second"], decode["most"]], sorted(decode["runs"]))
            rate = decode["tokens_per_second"] * shape.per_token
            self.assertAlmostEqual(decode["weight_bytes_per_second"] / rate, 1)
            self.assertAlmostEqual(decode["share_of_bandwidth"] / (rate / READ), 1)

    def test_prefill(self):
        for shape, model in self.models():
            prefill, flop = model["prefill"], 2 * LAYERS * sum(shape.weights.values())
            self.assertEqual((prefill["tokens"], prefill["flop_per_token"]), (shape.prompt, flop))
            self.assertEqual([prefill["least"], prefill["tokens_per_second"], prefill["most"]], sorted(prefill["runs"]))
            rate = prefill["tokens_per_second"] * flop
            self.assertAlmostEqual(prefill["flop_per_second"] / rate, 1)
            self.assertAlmostEqual(prefill["share_of_dense_fp16"] / (rate / PEAK), 1)

    def test_the_times_of_operations(self):
        for shape, model in self.models():
            rows = {row["operation"]: row for row in model["kernels"]["decode"]}
            self.assertEqual({name: row["launches"] for name, row in rows.items()}, LAUNCHES[shape.name])
            for name, row in rows.items():
                self.assertAlmostEqual(row["seconds_each"] * 1e6, 1)
                self.assertAlmostEqual(row["seconds_per_pass"] * 1e6, row["launches"])
            streamed = {name: shape.bytes_of(name) for name in shape.maps}
            streamed["head"] = VOCAB * HIDDEN * (1 + 2 / 64)
            self.assertEqual({name for name, row in rows.items() if "weight_bytes_per_second" in row}, set(streamed))
            for name, size in streamed.items():
                rate = size / (rows[name]["launches"] * 1e-6)
                self.assertAlmostEqual(rows[name]["weight_bytes_per_second"] / rate, 1)
                self.assertAlmostEqual(rows[name]["share_of_bandwidth"] / (rate / READ), 1)

    def test_a_prompt_of_two_batches(self):
        for shape, model in self.models():
            rows, batches = {row["operation"]: row for row in model["kernels"]["prefill"]}, 2 if shape is LLAMA else 1
            launches = {name: count * (1 if name == "head" else batches) for name, count in LAUNCHES[shape.name].items()}
            self.assertEqual({name: row["launches"] for name, row in rows.items()}, launches)
            for name, maps in shape.maps.items():
                flop = 2 * LAYERS * sum(shape.weights[map] for map in maps) * shape.prompt
                rate = flop / (launches[name] * 1e-6)
                self.assertAlmostEqual(rows[name]["flop_per_second"] / rate, 1)
                self.assertAlmostEqual(rows[name]["share_of_dense_fp16"] / (rate / PEAK), 1)
            self.assertEqual({name for name, row in rows.items() if "flop_per_second" in row}, set(shape.maps))

    def test_cublas(self):
        for shape, model in self.models():
            for row in model["cublas_fp16"]:
                name, weights = row["operation"], row["rows"] * row["columns"]
                self.assertEqual(weights, shape.weights.get(name, VOCAB * HIDDEN), name)
                self.assertAlmostEqual(row["decode"]["weight_bytes_per_second"] / (2 * weights / 1e-3), 1)
                tokens = 1 if name == "head" else min(shape.prompt, 256)
                self.assertEqual(row["prefill"]["tokens"], tokens)
                if tokens > 1:
                    self.assertAlmostEqual(row["prefill"]["flop_per_second"] / (2 * weights * tokens / 1e-3), 1)
            self.assertEqual(len(model["cublas_fp16"]), 5)

    def test_targets(self):
        for shape, model in self.models():
            decode, prefill, cublas, launches = model["targets"]
            ways = [model[name]["tokens_per_second"] for name in ("prefill", "prefill_by_cublas")]
            self.assertEqual((cublas["at_least"], cublas["measured"]), (0.97, ways[0] / ways[1]))
            self.assertIn("prefill_by_own_kernels", model)
            self.assertNotIn("cublas_from_tokens", model, "the clock cannot tell which is faster")
            self.assertEqual((decode["at_least"], prefill["at_least"]), (0.8, 0.55))
            self.assertEqual(decode["measured"], model["decode"]["share_of_bandwidth"])
            self.assertEqual(prefill["measured"], model["prefill"]["share_of_dense_fp16"])
            self.assertEqual((decode["met"], prefill["met"]), (decode["measured"] >= 0.8, prefill["measured"] >= 0.55))
            most = 4 if shape is FALCON else 7
            self.assertEqual((launches["at_most"], launches["measured"], launches["met"]), (most, most, True))

    def test_the_table_has_it_all(self):
        self.assertTrue(self.table.startswith("# kernels on the processor\n"))
        self.assertIn("\n| power mode | 15W |\n", self.table)
        self.assertIn("\n| dense fp16, computed | 10.2 TFLOP/s |\n", self.table)
        self.assertIn("\n| tiny-falcon | launches per layer | at most 4 | 4 | met |\n", self.table)
        rows = [line.split("|") for line in self.table.splitlines() if line.startswith("| tiny-")]
        self.assertEqual(len(rows), 2 + 2 + 8)
        # Falcon's down: 2 * (256^2 + 256^2) weights of 0.539 bytes in 2 us, 71 % of 100 GB/s; two maps of cuBLAS.
        self.assertIn("\n| down | 2 | 1.0 | 0.002 | 71 |  | 71 % | 2000.0 |\n", self.table)
        # A cell too many or too few moves the rest of a row.
        widths = {}
        for block in re.split(r"\n\n+", self.table):
            if block.startswith("|"):
                widths[block] = {line.count("|") for line in block.splitlines()}
        self.assertEqual({len(counts) for counts in widths.values()}, {1})

    def test_the_terminal_sees_the_targets(self):
        self.assertIn("  target  launches per layer at most 7: 7, met\n", self.done.stdout)
        self.assertRegex(self.done.stdout, r"  target  prefill, share of the dense fp16 peak at least 55 %: \d+ %, MISSED\n")


class Arguments(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_usage(self):
        for arguments in (["--shape", "tiny"], ["--shape"], ["--fact", "one"], ["--out"], ["results.json"]):
            done = run(self.folder, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn("shapes: llama-2-7b mistral-7b-v0.3 falcon-7b\n", done.stderr)

    def test_without_cublas_the_rest_is_measured(self):
        done = run(self.folder, "--quick", "--shape", "tiny-falcon", "--out", "r.json", "--table", "r.md",
                   EDGECHAT_TEST_CUBLAS="absent")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        results = json.loads(pathlib.Path(self.folder, "r.json").read_text(encoding="utf-8"))
        self.assertEqual(results["cublas"], "there is no libcublas here")
        self.assertNotIn("cublas_fp16", results["models"][0])
        self.assertIn("| cuBLAS | there is no libcublas here |", pathlib.Path(self.folder, "r.md").read_text("utf-8"))

    def test_results_that_cannot_be_written_are_a_failure(self):
        done = run(self.folder, "--quick", "--shape", "tiny-falcon", "--out", "nowhere/r.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write nowhere/r.json", done.stderr)


if __name__ == "__main__":
    unittest.main()
