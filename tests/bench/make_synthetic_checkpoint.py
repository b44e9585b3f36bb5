#!/usr/bin/env python3
"""Writes a checkpoint with the exact shapes of a published model and random weights, to measure memory and speed.

    make_synthetic_checkpoint.py SHAPE FOLDER TOKENIZER_FILE... [--fp16] [--layers N]

SHAPE is one of the names below. The folder is a Hugging Face folder: config.json and one model.safetensors, AutoAWQ
"gemm" INT4 with the group size that the model's width allows, or fp16 with --fp16. Its logits mean nothing; its sizes
are the model's. Needs numpy. A 7B model takes about 4 GB (14 GB with --fp16) and less than a minute.
"""

import argparse
import json
import os
import shutil
import struct

import numpy as np

# Facts of the published config.json files.
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
         "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False, "rope_theta": 10000.0}
SHAPES = {
    "llama-7b": (128, dict(LLAMA, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
                           num_key_value_heads=32, intermediate_size=11008, vocab_size=32000,
                           max_position_embeddings=2048, rms_norm_eps=1e-6)),
    "llama-2-7b": (128, dict(LLAMA, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
                             num_key_value_heads=32, intermediate_size=11008, vocab_size=32000,
                             max_position_embeddings=4096, rms_norm_eps=1e-5)),
    "tinyllama-1.1b": (128, dict(LLAMA, hidden_size=2048, num_hidden_layers=22, num_attention_heads=32,
                                 num_key_value_heads=4, intermediate_size=5632, vocab_size=32000,
                                 max_position_embeddings=2048, rms_norm_eps=1e-5)),
    "openllama-3b": (64, dict(LLAMA, hidden_size=3200, num_hidden_layers=26, num_attention_heads=32,
                              num_key_value_heads=32, intermediate_size=8640, vocab_size=32000,
                              max_position_embeddings=2048, rms_norm_eps=1e-6)),
    "llama-3.2-1b": (128, dict(LLAMA, hidden_size=2048, num_hidden_layers=16, num_attention_heads=32,
                               num_key_value_heads=8, intermediate_size=8192, vocab_size=128256, head_dim=64,
                               max_position_embeddings=131072, rms_norm_eps=1e-5, rope_theta=500000.0,
                               tie_word_embeddings=True, bos_token_id=128000, eos_token_id=[128001, 128008, 128009],
                               rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})),
    "llama-3.1-8b": (128, dict(LLAMA, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
                               num_key_value_heads=8, intermediate_size=14336, vocab_size=128256,
                               max_position_embeddings=131072, rms_norm_eps=1e-5, rope_theta=500000.0,
                               bos_token_id=128000, eos_token_id=[128001, 128008, 128009],
                               rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})),
    "mistral-7b-v0.1": (128, dict(LLAMA, model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=4096,
                                  num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
                                  intermediate_size=14336, vocab_size=32000, max_position_embeddings=32768,
                                  rms_norm_eps=1e-5, sliding_window=4096)),
    "mistral-7b-v0.2": (128, dict(LLAMA, model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=4096,
                                  num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
                                  intermediate_size=14336, vocab_size=32000, max_position_embeddings=32768,
                                  rms_norm_eps=1e-5, sliding_window=None, rope_theta=1000000.0)),
    "mistral-7b-v0.3": (128, dict(LLAMA, model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=4096,
                                  num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
                                  intermediate_size=14336, vocab_size=32768, max_position_embeddings=32768,
                                  rms_norm_eps=1e-5, sliding_window=None, rope_theta=1000000.0)),
    "falcon-7b": (64, {"model_type": "falcon", "architectures": ["FalconForCausalLM"], "hidden_size": 4544,
                       "num_hidden_layers": 32, "num_attention_heads": 71, "num_kv_heads": 71, "vocab_size": 65024,
                       "layer_norm_epsilon": 1e-5, "multi_query": True, "parallel_attn": True, "bias": False,
                       "alibi": False, "new_decoder_architecture": False, "bos_token_id": 11, "eos_token_id": 11}),
    "falcon3-7b": (128, dict(LLAMA, hidden_size=3072, num_hidden_layers=28, num_attention_heads=12,
                             num_key_value_heads=4, head_dim=256, intermediate_size=23040, vocab_size=131072,
                             max_position_embeddings=32768, rms_norm_eps=1e-6, rope_theta=1000042.0,
                             bos_token_id=11, eos_token_id=11)),
}
WEIGHT_SPREAD = 0.02  # standard deviation, as at the start of training


def linears(config):
    """(name, inputs, outputs) of every matrix of the layers."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    if config["model_type"] == "falcon":
        size = hidden // heads
        per_layer = [("self_attention.query_key_value", hidden, (heads + 2) * size),
                     ("self_attention.dense", hidden, hidden),
                     ("mlp.dense_h_to_4h", hidden, 4 * hidden), ("mlp.dense_4h_to_h", 4 * hidden, hidden)]
        prefix = "transformer.h"
    else:
        size = config.get("head_dim", hidden // heads)
        kv, ffn = config["num_key_value_heads"] * size, config["intermediate_size"]
        per_layer = [("self_attn.q_proj", hidden, heads * size), ("self_attn.k_proj", hidden, kv),
                     ("self_attn.v_proj", hidden, kv), ("self_attn.o_proj", heads * size, hidden),
                     ("mlp.gate_proj", hidden, ffn), ("mlp.up_proj", hidden, ffn), ("mlp.down_proj", ffn, hidden)]
        prefix = "model.layers"
    for layer in range(config["num_hidden_layers"]):
        for name, inputs, outputs in per_layer:
            yield f"{prefix}.{layer}.{name}", inputs, outputs


def vectors(config):
    """(name, value) of every norm, all of the model's width."""
    if config["model_type"] == "falcon":
        for layer in range(config["num_hidden_layers"]):
            yield f"transformer.h.{layer}.input_layernorm.weight", 1.0
            yield f"transformer.h.{layer}.input_layernorm.bias", 0.0
        yield "transformer.ln_f.weight", 1.0
        yield "transformer.ln_f.bias", 0.0
        return
    for layer in range(config["num_hidden_layers"]):
        yield f"model.layers.{layer}.input_layernorm.weight", 1.0
        yield f"model.layers.{layer}.post_attention_layernorm.weight", 1.0
    yield "model.norm.weight", 1.0


def tensors(config, group, fp16, random):
    """(name, dtype, shape, function that makes the bytes), in file order."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]

    def halves(*shape):
        def make():
            values = random.standard_normal(int(np.prod(shape)), np.float32) * WEIGHT_SPREAD
            return values.astype(np.float16).tobytes()
        return "F16", list(shape), make

    def words(*shape):
        return "I32", list(shape), lambda: random.bytes(4 * int(np.prod(shape)))

    falcon = config["model_type"] == "falcon"
    yield ("transformer.word_embeddings.weight" if falcon else "model.embed_tokens.weight", *halves(vocab, hidden))
    for name, inputs, outputs in linears(config):
        if fp16:
            yield (f"{name}.weight", *halves(outputs, inputs))
            continue
        # Uniform 4-bit codes around zero point 8 spread by 4.6 steps.
        scale = np.float16(WEIGHT_SPREAD / 4.6).tobytes()
        groups = inputs // group
        yield (f"{name}.qweight", *words(inputs, outputs // 8))
        yield (f"{name}.qzeros", "I32", [groups, outputs // 8],
               lambda count=groups * outputs // 8: b"\x88" * (4 * count))
        yield (f"{name}.scales", "F16", [groups, outputs], lambda count=groups * outputs: scale * count)
    for name, value in vectors(config):
        yield (name, "F16", [hidden], lambda value=value: np.full(hidden, value, np.float16).tobytes())
    if not config.get("tie_word_embeddings", falcon):
        yield ("lm_head.weight", *halves(vocab, hidden))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("folder")
    parser.add_argument("tokenizer", nargs="*", help="tokenizer files, copied under their usual names")
    parser.add_argument("--fp16", action="store_true")
    parser.add_argument("--layers", type=int)
    arguments = parser.parse_args()

    group, config = SHAPES[arguments.shape]
    config = dict(config, torch_dtype="float16")
    if arguments.layers:
        config["num_hidden_layers"] = arguments.layers
    if not arguments.fp16:
        config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True,
                                         "version": "gemm", "modules_to_not_convert": None}
    os.makedirs(arguments.folder, exist_ok=True)
    with open(os.path.join(arguments.folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    for tokenizer in arguments.tokenizer:
        name = "tokenizer.json" if tokenizer.endswith(".json") else "tokenizer.model"
        shutil.copyfile(tokenizer, os.path.join(arguments.folder, name))

    header, offset = {"__metadata__": {"format": "pt"}}, 0
    bytes_of = {"F16": 2, "I32": 4}
    for name, dtype, shape, _ in tensors(config, group, arguments.fp16, None):
        size = bytes_of[dtype] * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(arguments.folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, _, make in tensors(config, group, arguments.fp16, np.random.default_rng(7)):
            file.write(make())
    print(f"{arguments.folder}: {offset / 1e9:.2f} GB of weights, {config['num_hidden_layers']} layers")


if __name__ == "__main__":
    main()
