#!/usr/bin/env python3
"""Perplexity and mean KL of llama.cpp's 4-bit formats on the same windows as measure.py, as a Markdown table.

    peers.py CLI SOURCE GGUF... --text FILE [--text FILE] [--windows N]

SOURCE is the Hugging Face folder, each GGUF the same model as llama.cpp's own tools made it:

    python convert_hf_to_gguf.py SOURCE --outfile f16.gguf --outtype f16
    llama-quantize f16.gguf q4_k_m.gguf Q4_K_M        # and Q4_0, Q4_1, Q4_K_S; --imatrix if one is to be used

Without llama-quantize, `peers.py --make FOLDER --from f16.gguf` makes them through llama-cpp-python. Needs
llama-cpp-python, torch and transformers 4.51.
"""

import argparse
import ctypes
import math
import os

from measure import row
from windows import FIRST, WINDOW, Source, cut, text_name

FORMATS = {"Q4_0": 2, "Q4_1": 3, "Q4_K_S": 14, "Q4_K_M": 15}  # llama_ftype


def make(source, folder):
    import llama_cpp

    os.makedirs(folder, exist_ok=True)
    for name, number in FORMATS.items():
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = number
        out = os.path.join(folder, name.lower() + ".gguf")
        if llama_cpp.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(parameters)) != 0:
            raise SystemExit(f"{out}: llama.cpp could not make it")


def parts(path, windows, threads):
    """Yields logits and tokens as logits_of() does."""
    import torch
    from llama_cpp import Llama

    model = Llama(path, n_ctx=WINDOW, n_batch=WINDOW, n_threads=threads, n_threads_batch=threads, logits_all=True,
                  verbose=False)
    for window in windows:
        model.reset()
        model.eval(window)
        logits = torch.from_numpy(model.scores[FIRST:WINDOW - 1].copy()).float()
        yield logits, torch.tensor(window[FIRST + 1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli", nargs="?")
    parser.add_argument("source", nargs="?")
    parser.add_argument("gguf", nargs="*")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--windows", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--make", metavar="FOLDER")
    parser.add_argument("--from", dest="f16", metavar="GGUF")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.f16, arguments.make)
        return

    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(arguments.threads)
    model = AutoModelForCausalLM.from_pretrained(arguments.source, torch_dtype=torch.float32).eval()
    texts = [Source(model, cut(arguments.cli, arguments.source, text, arguments.windows), text_name(text))
             for text in arguments.text]
    columns = ["llama.cpp", "file, MB"]
    for text in texts:
        columns += [f"{text.name}: perplexity", "mean KL"]
    print(row(columns), row(["---"] * len(columns)), sep="\n")
    for path in arguments.gguf:
        cells = [text_name(path), f"{os.path.getsize(path) / 1e6:.1f}"]
        for text in texts:
            nll, kld = text.compare(parts(path, text.windows, arguments.threads))
            cells += [f"{math.exp(nll):.4f}", f"{kld:.5f}"]
        print(row(cells), flush=True)


if __name__ == "__main__":
    main()
