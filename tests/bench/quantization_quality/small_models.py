#!/usr/bin/env python3
"""Trains two small models, one of Mistral's shape and one of Falcon's, to quantize and measure.

    small_models.py FOLDER [--only mistral|falcon] [--steps N]

FOLDER/mistral and FOLDER/falcon become Hugging Face folders in fp16, each with a tokenizer of its own. Both are
trained on tests/data/plain_text.txt and resources/calibration/prose.txt; resources/calibration/knowledge.txt is kept
aside, to be evaluated on. Some minutes each on one core (OMP_NUM_THREADS=1 nice small_models.py ...).
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "data", "parity"))

from families import falcon, mistral  # noqa: E402
from make_models import tokenizer_of  # noqa: E402
from small_tokenizers import falcon_files, llama_files  # noqa: E402
import storage  # noqa: E402
import training  # noqa: E402

VOCAB = 1024
WINDOW = 512  # tokens: as long as what is evaluated, so that every position was trained
BATCH = 3
RATE = 1.5e-3  # peak
# Widths that 128 divides, and one that only 64 divides, as Falcon-7B's.
SHAPES = {
    "mistral": (mistral(256, 8, 2, 768, layers=5, vocab=VOCAB, max_position_embeddings=WINDOW), llama_files),
    "falcon": (falcon(320, 5, layers=4, vocab=VOCAB, max_position_embeddings=WINDOW), falcon_files)}


def training_text():
    texts = []
    for name in ("tests/data/plain_text.txt", "resources/calibration/prose.txt"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            texts.append(file.read())
    return "\n\n".join(texts)


def make(name, out, steps, text):
    from safetensors.torch import save_file

    values, tokenizer_files = SHAPES[name]
    files = tokenizer_files(text, VOCAB)
    ids = tokenizer_of(files)(text, add_special_tokens=False)["input_ids"]
    tensors, loss = training.train(values, ids, steps, 1, RATE, BATCH, WINDOW)
    os.makedirs(out, exist_ok=True)
    stored, _ = storage.as_stored(tensors, "float16")
    save_file(stored, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    for file, data in {**files, "config.json": storage.json_bytes(values)}.items():
        with open(os.path.join(out, file), "wb") as written:
            written.write(data)
    parameters = sum(tensor.numel() for tensor in stored.values())
    print(f"{out}: {parameters / 1e6:.1f} million parameters, {len(ids)} tokens of text, loss {loss:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--only", choices=sorted(SHAPES))
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    text = training_text()
    for name in [arguments.only] if arguments.only else sorted(SHAPES):
        make(name, os.path.join(arguments.folder, name), arguments.steps, text)


if __name__ == "__main__":
    main()
