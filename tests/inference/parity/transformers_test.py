#!/usr/bin/env python3
"""The folder that transformers loads is the folder that EdgeChat loads: the same files give the same ids and logits.

    transformers_test.py EDGECHAT_CLI

Runs both programs on every model of tests/data/parity that transformers can load by itself. Needs torch and
transformers in the versions of tests/data/parity/requirements.txt; ends with 77, a skip, where they are not.
"""

import json
import os
import subprocess
import sys
import tempfile
import types

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "data", "parity")
TOLERANCE = 1e-3  # of a logit


def edgechat(cli, words, text=""):
    done = subprocess.run([cli, *words], input=text.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode().strip())
    return done.stdout.decode()


def compare(cli, folder, text):
    """Largest difference of a logit; raises where the ids differ."""
    import numpy as np
    from transformers import AutoTokenizer

    import check_transformers

    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    plain = json.loads(edgechat(cli, ["tokenize", folder], text))
    ours = plain if len(plain) == len(ids) else json.loads(edgechat(cli, ["tokenize", folder, "--bos"], text))
    if ours != ids:
        raise RuntimeError(f"ids differ: found {ours[:12]}..., expected {ids[:12]}...")
    theirs = check_transformers.logits_of(check_transformers.load(folder), ids)
    with tempfile.TemporaryDirectory() as work:
        tokens, logits = os.path.join(work, "ids.json"), os.path.join(work, "logits.npy")
        with open(tokens, "w", encoding="utf-8") as file:
            json.dump(ids, file)
        edgechat(cli, ["score", folder, "--tokens", tokens, "--logits", logits, "--device", "reference"])
        return float(np.abs(np.load(logits) - theirs).max())


def main():
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as missing:
        print(f"skipped: {missing}")
        return 77
    sys.path.insert(0, DATA)
    import storage

    with open(os.path.join(DATA, "models.json"), encoding="utf-8") as file:
        rows = [row for row in json.load(file)["models"] if row["transformers_loads"] and row["format"] != "gguf"]
    with open(os.path.join(DATA, "text.txt"), encoding="utf-8") as file:
        text = file.read()
    wrong = 0
    for row in rows:
        with storage.assembled(DATA, types.SimpleNamespace(**row)) as folder:
            try:
                difference = compare(sys.argv[1], folder, text.encode()[: row["text_bytes"]].decode())
                said = f"the same ids, largest difference of a logit {difference:.1e}"
                wrong += difference > TOLERANCE
            except RuntimeError as problem:
                said, wrong = str(problem), wrong + 1
        print(f"{row['name']:28} {said}", flush=True)
    print(f"{len(rows) - wrong} passed, {wrong} failed")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
