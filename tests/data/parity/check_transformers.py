#!/usr/bin/env python3
"""Does transformers load what is here, and say the same?

    check_transformers.py [NAME ...]                       the models of models.json, against their goldens
    check_transformers.py --folder DIR --tokens IDS.json [--logits OURS.npy] [--out THEIRS.npy]

The first form prints, for each model, whether transformers loads the folder or GGUF file by itself and the largest
difference to the golden, and ends with 1 if one that must load (transformers_loads) does not or differs.
The second loads any folder in fp32 and compares with the file that `edgechat-cli score DIR --tokens IDS.json --logits
OURS.npy` wrote (float32 [T, vocab]); it ends with 1 beyond --tolerance. Where transformers cannot load an AWQ "gemm"
folder because AutoAWQ is not installed, the weights are dequantised here and put into its model; the output says so.
"""

import argparse
import json
import os
import sys
import types

import numpy as np

import golden
import storage
import training

HERE = os.path.dirname(os.path.abspath(__file__))


def load(folder, gguf_file=None):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    more = {"gguf_file": gguf_file} if gguf_file else {}
    config = AutoConfig.from_pretrained(folder, **more)
    kind = training.attention_kind({"alibi": getattr(config, "alibi", False)})
    dtype = torch.float32
    if getattr(config, "quantization_config", None) and config.quantization_config["quant_method"] == "awq":
        dtype = torch.float16  # AutoAWQ's modules know no other
    return AutoModelForCausalLM.from_pretrained(folder, torch_dtype=dtype, attn_implementation=kind, **more).eval()


def dequantised_awq(folder):
    """An AWQ "gemm" folder as a plain fp32 model."""
    import torch
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM

    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        values = json.load(file)
    if values.get("quantization_config", {}).get("version") != "gemm":
        raise ValueError("not an AWQ gemm folder")
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            with safe_open(os.path.join(folder, name), "np") as file:
                tensors.update({key: file.get_tensor(key) for key in file.keys()})

    def nibbles(words):  # [a, b] -> [a, 8b]; column c of eight is nibble (c >> 1) | (c & 1) << 2
        shifts = np.array([4 * ((c >> 1) | (c & 1) << 2) for c in range(8)], np.uint32)
        return ((words.view(np.uint32)[..., None] >> shifts) & 15).reshape(len(words), -1).astype(np.float32)

    state = {name: value.astype(np.float32) for name, value in tensors.items()
             if name.rsplit(".", 1)[1] not in ("qweight", "qzeros", "scales")}
    for name in [name for name in tensors if name.endswith(".qweight")]:
        module = name.removesuffix(".qweight")
        scales = tensors[module + ".scales"].astype(np.float32)
        group = len(tensors[name]) // len(scales)
        zeros = np.repeat(nibbles(tensors[module + ".qzeros"]), group, 0)
        weight = (nibbles(tensors[name]) - zeros) * np.repeat(scales, group, 0)
        divisors = tensors.get(module.replace("dense_4h_to_h", "act.scales")) if "dense_4h_to_h" in module else None
        if divisors is not None:
            weight /= divisors.astype(np.float32)[:, None]
        state[module + ".weight"] = np.ascontiguousarray(weight.T)
    model = AutoModelForCausalLM.from_config(training.small_config(values),
                                             attn_implementation=training.attention_kind(values)).float().eval()
    missing = model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=False)
    absent = [name for name in missing.missing_keys if name != "lm_head.weight" or not model.config.tie_word_embeddings]
    if absent or missing.unexpected_keys:
        raise ValueError(f"names differ: {absent} {missing.unexpected_keys}")
    model.tie_weights()
    return model


def logits_of(model, ids):
    import torch

    with torch.no_grad():
        return model(torch.tensor([[int(token) for token in ids]]), use_cache=False).logits[0].float().numpy()


def check_listed(names):
    with open(os.path.join(HERE, "models.json"), encoding="utf-8") as file:
        rows = json.load(file)["models"]
    wrong = 0
    for row in rows:
        if names and row["name"] not in names:
            continue
        expected = golden.read_golden(os.path.join(HERE, row["golden"]))
        try:
            if row["format"] == "gguf":
                folder, name = os.path.split(os.path.join(HERE, row["path"]))
                model = load(folder, name)
            else:
                with storage.assembled(HERE, types.SimpleNamespace(**row)) as folder:
                    model = load(folder)
            logits = logits_of(model, expected["ids"])[expected["positions"]]
            difference = float(np.abs(logits - expected["logits"]).max())
            said = f"loads, largest difference {difference:.1e}"
            good = difference < 1e-4
        except Exception as problem:  # whatever transformers throws is the answer
            said, good = f"{type(problem).__name__}: {str(problem).splitlines()[0][:110]}", False
        wrong += row["transformers_loads"] and not good
        print(f"{row['name']:24} {'must' if row['transformers_loads'] else 'may':4} {said}", flush=True)
    return wrong


def check_folder(arguments):
    with open(arguments.tokens, encoding="utf-8") as file:
        ids = json.load(file)
    try:
        model = load(arguments.folder)
        print("transformers loads the folder by itself")
    except (ImportError, OSError, ValueError) as problem:
        print(f"transformers does not load it: {str(problem).splitlines()[0]}")
        model = dequantised_awq(arguments.folder)
        print("AWQ weights dequantised here and put into transformers' model")
    theirs = logits_of(model, ids)
    nll = [np.log(np.exp(row - row.max()).sum()) + row.max() - row[token] for row, token in zip(theirs, ids[1:])]
    print(f"{theirs.shape[0]} tokens, vocabulary {theirs.shape[1]}, mean nll {np.mean(nll):.5f}")
    if arguments.out:
        np.save(arguments.out, theirs)
    if not arguments.logits:
        return 0
    ours = np.load(arguments.logits)
    if ours.shape != theirs.shape:
        print(f"shapes differ: {ours.shape} and {theirs.shape}")
        return 1
    difference = float(np.abs(ours - theirs).max())
    same = float((ours.argmax(1) == theirs.argmax(1)).mean())
    print(f"largest difference {difference:.2e}, same argmax {same:.4f}")
    return int(difference > arguments.tolerance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder")
    parser.add_argument("--tokens")
    parser.add_argument("--logits")
    parser.add_argument("--out")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    sys.exit(1 if (check_folder(arguments) if arguments.folder else check_listed(arguments.names)) else 0)


if __name__ == "__main__":
    main()
