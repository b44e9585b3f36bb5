#!/usr/bin/env python3
"""Quantizes a source by several recipes and says what each costs, as a Markdown table.

    measure.py CLI SOURCE TEXT... --calibration FILE [--recipe "NAME: OPTIONS"]... [--work FOLDER] [--windows N]

CLI is edgechat-cli, SOURCE a Hugging Face folder in fp16, bf16 or fp32; each TEXT is a file to evaluate on. A recipe
is a name and options of `edgechat-cli quantize`:

    --recipe "awq, groups of 64: --group-size 64" --recipe "without GPTQ: --group-size 64 --without gptq"

A recipe that names no --calibration is given that file; "--calibration builtin" stands for EdgeChat's own text. Without
--recipe those of RECIPES are measured. The first recipe whose method is rtn is what the last column is measured against: the
share of the way from rounding to nearest back to the source, in mean negative log-likelihood. The file's size counts
the embedding, and an output head of its own, in 8 bits, as the engine holds them, whatever the folder stores.

The folders stay in --work, by the recipe's options: a second run quantizes nothing twice (--again throws them away).
Logits come from torch in fp32, the weights being what the folder's codes mean. Needs numpy, torch, transformers 4.51,
safetensors.
"""

import argparse
import hashlib
import json
import math
import os
import shlex
import shutil

import numpy as np

from windows import Source, cut, logits_of, run, text_name

RECIPES = ["round to nearest: --method rtn --group-size {group}",
           "scales of AWQ alone: --group-size {group} "
           "--without families,value-scale,range,refit,gptq,joint,weights,order,sweeps",
           "without GPTQ: --group-size {group} --without gptq",
           "without weights: --group-size {group} --without weights",
           "without order and sweeps: --group-size {group} --without order,sweeps",
           "all of it: --group-size {group}",
           "W8A8: --method smoothquant"]
NIBBLES = [0, 4, 1, 5, 2, 6, 3, 7]  # AutoAWQ "gemm": where column 0, 1, ... of eight lies in a word


def unpacked(words):
    """int32 [a, b] -> codes [a, 8 b]."""
    words = words.numpy().view(np.uint32)
    codes = np.stack([words >> np.uint32(4 * place) & np.uint32(15) for place in NIBBLES], axis=-1)
    return codes.reshape(len(words), -1).astype(np.float32)


def weights_of(folder):
    """({name: fp32}, bytes): what a folder's tensors mean, and what they take with the embedding in 8 bits."""
    import torch
    from safetensors import safe_open

    tensors, stored = {}, 0
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".safetensors"):
            continue
        with safe_open(os.path.join(folder, file), "pt") as shard:
            tensors.update({name: shard.get_tensor(name) for name in shard.keys()})
    meant = {}
    for name, tensor in tensors.items():
        head, _, kind = name.rpartition(".")
        in_8_bits = kind == "weight" and any(word in name for word in ("embed", "lm_head"))
        rows = tensor.shape[0] if tensor.dim() else 1
        stored += tensor.numel() + 4 * rows if in_8_bits else tensor.numel() * tensor.element_size()
        if kind == "qweight":
            codes, zeros = unpacked(tensor), unpacked(tensors[head + ".qzeros"])
            scales = tensors[head + ".scales"].float().numpy()
            group = len(codes) // len(scales)
            values = (codes - zeros.repeat(group, 0)) * scales.repeat(group, 0)
            meant[head + ".weight"] = torch.from_numpy(values.T.copy())
        elif kind == "weight" and head + ".weight_scale" in tensors:
            scale = tensors[head + ".weight_scale"].float().reshape(-1, 1)
            meant[name] = tensor.float() * scale
        elif kind not in ("qzeros", "scales", "weight_scale"):
            meant[name] = tensor.float()
    for name, tensor in tensors.items():
        if name.endswith(".mlp.act.scales"):  # AWQ's for Falcon: what the activation is divided by
            meant[name.replace("act.scales", "dense_4h_to_h.weight")] /= tensor.float()
    return meant, stored


def load(model, folder):
    """Puts a folder's weights into the source's model; returns their bytes."""
    meant, stored = weights_of(folder)
    missing, unexpected = model.load_state_dict(meant, strict=False)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    if set(missing) - tied or unexpected:
        raise SystemExit(f"{folder}: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model.tie_weights()
    return stored


class Eight:
    """While it is entered, the inputs of a W8A8 folder's linear layers are rounded to 8 bits, token by token."""

    def __init__(self, model, folder):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            quantization = json.load(file).get("quantization_config", {})
        self.model = model if quantization.get("quant_method") == "compressed-tensors" else None
        self.hooks = []

    @staticmethod
    def _round(_, inputs):
        x = inputs[0]
        step = x.abs().amax(-1, keepdim=True).clamp(min=1e-10) / 127
        return ((x / step).round() * step,)

    def __enter__(self):
        import torch

        if self.model is not None:
            self.hooks = [module.register_forward_pre_hook(self._round) for name, module in self.model.named_modules()
                          if isinstance(module, torch.nn.Linear) and not name.endswith("lm_head")]

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


def quantized(cli, source, options, work, again):
    """The folder that a recipe makes, and the seconds it took."""
    key = hashlib.sha256(json.dumps([os.path.abspath(source), options]).encode()).hexdigest()[:12]
    out = os.path.join(work, key)
    if again:
        shutil.rmtree(out, ignore_errors=True)
    if not os.path.exists(os.path.join(out, "edgechat.json")):
        run([cli, "quantize", source, "--output", out, "--restart", *options])
    with open(os.path.join(out, "edgechat.json"), encoding="utf-8") as file:
        return out, json.load(file)["quantization"]["seconds"]


def with_calibration(words, file):
    if "--calibration" not in words:
        return words + ["--calibration", file]
    place = words.index("--calibration")
    return words[:place] + words[place + 2:] if words[place + 1] == "builtin" else words


def row(cells):
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli")
    parser.add_argument("source")
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--recipe", action="append", metavar="NAME:OPTIONS")
    parser.add_argument("--group-size", default="64", help="for the recipes of RECIPES")
    parser.add_argument("--work", default="quantized")
    parser.add_argument("--windows", type=int, default=0, help="at most so many of each text")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()

    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(arguments.threads)
    os.makedirs(arguments.work, exist_ok=True)
    model = AutoModelForCausalLM.from_pretrained(arguments.source, torch_dtype=torch.float32).eval()
    texts = [Source(model, cut(arguments.cli, arguments.source, text, arguments.windows), text_name(text))
             for text in arguments.texts]
    columns = ["recipe", "file, MB", "seconds"]
    for text in texts:
        columns += [f"{text.name}: perplexity", "mean KL", "gap recovered"]
    print(row(columns), row(["---"] * len(columns)), sep="\n")
    cells = ["source", f"{load(model, arguments.source) / 1e6:.1f}", ""]
    for text in texts:
        cells += [f"{math.exp(text.nll):.4f}", "0", "100 %"]
    print(row(cells), flush=True)

    nearest = None
    for recipe in arguments.recipe or RECIPES:
        name, _, options = recipe.partition(":")
        words = with_calibration(shlex.split(options.replace("{group}", arguments.group_size)),
                                 arguments.calibration)
        folder, seconds = quantized(arguments.cli, arguments.source, words, arguments.work, arguments.again)
        cells = [name.strip(), f"{load(model, folder) / 1e6:.1f}", f"{seconds:.0f}"]
        with Eight(model, folder):
            figures = [text.compare(logits_of(model, text.windows)) for text in texts]
        if nearest is None and "rtn" in words:
            nearest = [nll for nll, _ in figures]
        for place, (text, (nll, kld)) in enumerate(zip(texts, figures, strict=True)):
            share = ""
            if nearest and nearest[place] > text.nll:
                share = f"{100 * (nearest[place] - nll) / (nearest[place] - text.nll):.1f} %"
            cells += [f"{math.exp(nll):.4f}", f"{kld:.5f}", share]
        print(row(cells), flush=True)


if __name__ == "__main__":
    main()
