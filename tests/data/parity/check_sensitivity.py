#!/usr/bin/env python3
"""Would a golden notice the mistake it is there for? Makes each mistake in numpy_forward.py and measures the logits.

    check_sensitivity.py

Prints the largest difference per mistake over all positions and ends with 1 if one stays below 2e-3, twice the tolerance
of the engine's reference backend.
"""

import json
import math
import os
import sys

import numpy as np

import golden
import numpy_forward
from variants import BASES, VARIANTS

HERE = os.path.dirname(os.path.abspath(__file__))
NOTICED = 2e-3


def tanh_erf(x):
    """In the place of erf it makes the tanh form of GELU."""
    y = x * math.sqrt(2)
    return np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y ** 3))


def per_head_qkv(fused, values, heads, size):
    """The new decoder architecture's fused rows read as all Q, all K, all V."""
    kv_heads = values["num_kv_heads"]
    q, k, v = np.split(fused, [heads * size, (heads + kv_heads) * size], axis=1)
    return (q.reshape(len(fused), heads, size), k.reshape(len(fused), kv_heads, size),
            v.reshape(len(fused), kv_heads, size))


def interleaved_as_blocks(fused, values, heads, size):
    """Falcon-RW's rows, q k v of one head after the other, read as all Q, all K, all V."""
    return tuple(part.reshape(len(fused), heads, size) for part in np.split(fused, 3, axis=1))


# name of the model, the mistake, other values of config.json, another function in numpy_forward, tensors set to 0
MISTAKES = [
    ("llama_v1", "eps 1e-5", {"rms_norm_eps": 1e-5}, {}, ""),
    ("llama_v2", "eps 1e-6", {"rms_norm_eps": 1e-6}, {}, ""),
    ("llama_gqa_tied", "theta 1e4", {"rope_theta": 1e4}, {}, ""),
    ("llama3", "no rope scaling", {"rope_scaling": None}, {}, ""),
    ("llama3", "linear scaling by 8", {"rope_scaling": {"type": "linear", "factor": 8.0}}, {}, ""),
    ("falcon3", "theta 1e4", {"rope_theta": 1e4}, {}, ""),
    ("llama_rope_linear", "no rope scaling", {"rope_scaling": None}, {}, ""),
    ("llama_rope_dynamic", "no rope scaling", {"rope_scaling": None}, {}, ""),
    ("llama_rope_yarn", "no rope scaling", {"rope_scaling": None}, {}, ""),
    ("llama_rope_yarn", "attention factor 1", {"rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "attention_factor": 1.0}}, {}, ""),
    ("llama_rope_yarn_explicit", "attention factor from the factor", {"rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "beta_fast": 16.0, "beta_slow": 2.0}}, {}, ""),
    ("llama_rope_yarn_explicit", "beta_fast 32, beta_slow 1", {"rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "attention_factor": 1.25}}, {}, ""),
    ("llama_rope_yarn_mscale", "mscale ignored", {"rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}, {}, ""),
    ("mistral_window", "no window", {"sliding_window": None}, {}, ""),
    ("mistral_window", "window one longer", {"sliding_window": 25}, {}, ""),
    ("mistral_window", "window one shorter", {"sliding_window": 23}, {}, ""),
    ("mistral_no_window", "the window kept", {"sliding_window": 24}, {}, ""),
    ("mistral_v3", "theta 1e4", {"rope_theta": 1e4}, {}, ""),
    ("falcon_7b", "tanh GELU", {}, {"erf": tanh_erf}, ""),
    ("falcon_7b", "eps 1e-6", {"layer_norm_epsilon": 1e-6}, {}, ""),
    ("falcon_rw", "no ALiBi", {}, {"alibi_bias": lambda heads, count: np.zeros((heads, count))}, ""),
    ("falcon_rw", "slopes of a power of two", {}, {
        "alibi_slopes": lambda heads: 2.0 ** (-8 * np.arange(1, heads + 1) / heads)}, ""),
    ("falcon_rw", "q/k/v not interleaved", {}, {"falcon_qkv": interleaved_as_blocks}, ""),
    ("falcon_rw16", "ALiBi in fp32", {}, {
        "alibi_bias": lambda heads, count: numpy_forward.alibi_slopes(heads)[:, None] * np.arange(count)}, ""),
    ("falcon_40b", "qkv not grouped", {}, {"falcon_qkv": per_head_qkv}, ""),
    ("falcon_11b", "theta 1e4", {"rope_theta": 1e4}, {}, ""),
] + [("llama_biases", "without it", {}, {}, name + "_proj.bias") for name in ("q", "k", "v", "o", "gate", "up", "down")
     ] + [("falcon_rw", "without it", {}, {}, name + ".bias") for name in (
         "query_key_value", "attention.dense", "dense_h_to_4h", "dense_4h_to_h", "input_layernorm",
         "post_attention_layernorm", "ln_f")]


def stored_tensors(folder):
    from safetensors.torch import load_file

    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(folder, name)))
    return {name: value.float().numpy() for name, value in tensors.items()}


def main():
    variants = {variant.name: variant for variant in VARIANTS}
    with open(os.path.join(HERE, "models.json"), encoding="utf-8") as file:
        rows = {row["name"]: row for row in json.load(file)["models"]}
    unnoticed = 0
    for name, mistake, other, functions, zeroed in MISTAKES:
        variant, row = variants[name], rows[name]
        values = {**BASES[variant.base].values, **variant.values}
        tensors = stored_tensors(os.path.join(HERE, row["path"]))
        ids = golden.read_golden(os.path.join(HERE, row["golden"]))["ids"]
        right = numpy_forward.numpy_logits(values, tensors, ids)
        kept = {key: getattr(numpy_forward, key) for key in functions}
        for key, function in functions.items():
            setattr(numpy_forward, key, function)
        tensors = {key: 0 * value if zeroed and key.endswith(zeroed) else value for key, value in tensors.items()}
        wrong = numpy_forward.numpy_logits({**values, **other}, tensors, ids)
        for key, function in kept.items():
            setattr(numpy_forward, key, function)
        difference = float(np.abs(right - wrong).max())
        unnoticed += difference < NOTICED
        print(f"{name:24} {zeroed or '':28} {mistake:34} {difference:.4f}", flush=True)
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
