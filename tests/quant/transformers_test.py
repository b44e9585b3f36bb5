#!/usr/bin/env python3
"""What EdgeChat's quantizer writes is what Hugging Face's own code reads.

    transformers_test.py WRITE_MODEL EDGECHAT_CLI [NAME ...]

Writes models of tests/data/parity by plain rounding in every form and reads them back:
  dense  transformers loads the folder by itself: its ids and logits are the golden's (of GGUF sources too)
  int4   unpacked by AutoAWQ's rule, in transformers' model, against `edgechat-cli score` on the folder
  int8   transformers loads the folder by itself through compressed-tensors, where it is installed, and its
         logits are near the golden's
Needs torch and transformers in the versions of tests/data/parity/requirements.txt; ends with 77, a skip, where they
are not.
"""

import json
import os
import subprocess
import sys
import tempfile
import types

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data", "parity")
SAME = 1e-3  # of a logit
ROUNDED = 0.03  # of a logit: BF16, F32 and K-quants rounded to fp16
MOST_DIVERGENCE = 0.02  # nats, of W8A8


def run(words):
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode().strip())


def unpacked(words):
    """AutoAWQ's unpack_awq and reverse_awq_order: int32 [a, b] -> codes [a, 8 b]."""
    import torch

    shifts = torch.arange(0, 32, 4)
    codes = torch.bitwise_right_shift(words[:, :, None], shifts[None, None, :]).to(torch.int8).view(len(words), -1)
    order = torch.arange(codes.shape[-1]).view(-1, 8)[:, [0, 4, 1, 5, 2, 6, 3, 7]].reshape(-1)
    return torch.bitwise_and(codes[:, order], 15).float()


def awq_model(folder):
    """The folder's weights as AutoAWQ's dequantize_gemm gives them, in transformers' model."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM

    tensors = load_file(os.path.join(folder, "model.safetensors"))
    config = AutoConfig.from_pretrained(folder)
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, torch_dtype=torch.float32).eval()
    state = {}
    for name, value in tensors.items():
        module, kind = name.rsplit(".", 1)
        if kind == "qweight":
            assert value.dtype == torch.int32 and tensors[module + ".qzeros"].dtype == torch.int32
            scales = tensors[module + ".scales"]
            assert scales.dtype == torch.float16
            group = value.shape[0] // scales.shape[0]
            zeros = unpacked(tensors[module + ".qzeros"]).repeat_interleave(group, 0)
            weight = (unpacked(value) - zeros) * scales.float().repeat_interleave(group, 0)
            if module.endswith("dense_4h_to_h"):
                weight /= tensors[module.replace("dense_4h_to_h", "act.scales")].float()[:, None]
            state[module + ".weight"] = weight.T.contiguous()
        elif kind not in ("qzeros", "scales"):
            state[name] = value.float()
    found = model.load_state_dict(state, strict=False)
    absent = [name for name in found.missing_keys if name != "lm_head.weight" or not config.tie_word_embeddings]
    if absent or found.unexpected_keys:
        raise RuntimeError(f"names differ: {absent} {found.unexpected_keys}")
    model.tie_weights()
    return model


def check_dense(folder, row, expected, _):
    import numpy as np
    from transformers import AutoTokenizer

    import check_transformers

    with open(os.path.join(DATA, "text.txt"), encoding="utf-8") as file:
        text = file.read().encode()[: row["text_bytes"]].decode()
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    if ids != list(expected["ids"]):
        raise RuntimeError(f"ids differ: found {ids[:12]}..., expected {list(expected['ids'][:12])}...")
    logits = check_transformers.logits_of(check_transformers.load(folder), ids)[expected["positions"]]
    difference = float(np.abs(logits - expected["logits"]).max())
    return f"the same ids, difference {difference:.1e}", difference < ROUNDED


def check_int4(folder, _, expected, cli):
    import numpy as np

    import check_transformers

    ids = [int(token) for token in expected["ids"]]
    theirs = check_transformers.logits_of(awq_model(folder), ids)
    with tempfile.TemporaryDirectory() as work:
        tokens, logits = os.path.join(work, "ids.json"), os.path.join(work, "logits.npy")
        with open(tokens, "w", encoding="utf-8") as file:
            json.dump(ids, file)
        run([cli, "score", folder, "--tokens", tokens, "--logits", logits, "--device", "reference"])
        difference = float(np.abs(np.load(logits) - theirs).max())
    return f"difference {difference:.1e}", difference < SAME


def check_int8(folder, _, expected, __):
    import torch

    import check_transformers

    try:
        import compressed_tensors  # noqa: F401
    except ImportError:
        return "skipped: no compressed_tensors", True
    model = check_transformers.load(folder)
    logits = torch.from_numpy(check_transformers.logits_of(model, expected["ids"])[expected["positions"]])
    wanted = torch.tensor(expected["logits"])
    divergence = float(torch.nn.functional.kl_div(logits.log_softmax(1), wanted.log_softmax(1), log_target=True,
                                                  reduction="batchmean"))
    return f"divergence {divergence:.1e}", 0 < divergence < MOST_DIVERGENCE


CHECKS = {"dense": check_dense, "int4": check_int4, "int8": check_int8}


def main():
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    transformers.logging.set_verbosity_error()
    sys.path.insert(0, DATA)
    import golden
    import storage

    writer, cli, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(os.path.join(DATA, "models.json"), encoding="utf-8") as file:
        rows = [row for row in json.load(file)["models"] if row["transformers_loads"] or row["format"] == "gguf"]
    wrong = 0
    for row in rows:
        if names and row["name"] not in names:
            continue
        expected = golden.read_golden(os.path.join(DATA, row["golden"]))
        for kind, check in CHECKS.items():
            with tempfile.TemporaryDirectory() as work, storage.assembled(DATA, types.SimpleNamespace(**row)) as source:
                folder = os.path.join(work, "out")
                path = os.path.join(DATA, row["path"]) if row["format"] == "gguf" else source
                try:
                    run([writer, path, folder, kind])
                    said, good = check(folder, row, expected, cli)
                except Exception as problem:  # whatever transformers throws is the answer
                    said, good = f"{type(problem).__name__}: {str(problem)[:300]}", False
            wrong += not good
            print(f"{row['name']:26} {kind:6} {'ok' if good else 'FAILED':7} {said}", flush=True)
    print(f"{wrong} failed")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
