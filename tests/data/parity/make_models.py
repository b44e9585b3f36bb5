#!/usr/bin/env python3
"""Makes the small checkpoints, their goldens and models.json.

    make_models.py [--cache DIR] [--only NAME ...] [--jobs N]

Trains each model of variants.py on ../plain_text.txt, stores it in every form listed there and asks transformers in
fp32, on the weights as stored (rounded, or dequantised), for the logits of a text that was not trained on. Before a
golden is written, a second forward pass in fp64 (numpy_forward.py) must agree. --cache keeps the trained weights.
With --only the other rows of models.json stay.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile

import numpy as np

import gguf_files
import golden
import quantized_folders
import storage
import training
from numpy_forward import numpy_logits
from small_tokenizers import small_tokenizers
from variants import BASES, VARIANTS

HERE = os.path.dirname(os.path.abspath(__file__))
AGREEMENT = 2e-4  # largest difference of fp32 transformers to fp64 numpy, logits


def read_text(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def tokenizer_of(files):
    """The fast tokenizer that transformers makes of a folder's tokenizer files."""
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        return AutoTokenizer.from_pretrained(folder)


def trained(name, cache):
    """(tensors, final loss) of a base."""
    path = os.path.join(cache, name + ".npz")
    base = BASES[name]
    key = json.dumps([base.values, base.tokenizer, base.steps, base.seed], sort_keys=True)
    if os.path.exists(path):
        with np.load(path) as saved:
            if str(saved["__key"]) == key:
                return {n: saved[n] for n in saved.files if not n.startswith("__")}, float(saved["__loss"])
    text = read_text("../plain_text.txt")
    ids = tokenizer_of(small_tokenizers(text)[base.tokenizer])(text, add_special_tokens=False)["input_ids"]
    tensors, loss = training.train(base.values, ids, base.steps, base.seed)
    np.savez(path, __key=key, __loss=loss, **tensors)
    print(f"{name}: trained, loss {loss:.3f} (uniform {np.log(base.values['vocab_size']):.2f})", flush=True)
    return tensors, loss


def golden_text(tokenizer, text, tokens):
    """(bytes of the text, ids): the shortest whole words with at least so many tokens."""
    end = 0
    while end < len(text):
        end = min([place for place in (text.find(" ", end + 1), text.find("\n", end + 1)) if place > 0])
        ids = tokenizer(text[:end])["input_ids"]
        if len(ids) >= tokens:
            return len(text[:end].encode()), ids
    raise ValueError("the text is too short")


def transformers_logits(values, tensors, ids, folder):
    """[T, vocab] float32. folder: a folder that transformers loads by itself, or None: the tensors are put in."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    kind = training.attention_kind(values)
    if folder:
        model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation=kind)
    else:
        model = AutoModelForCausalLM.from_config(training.small_config(values), attn_implementation=kind).float()
    model.eval()
    state = model.state_dict()
    for name, value in tensors.items():
        if not folder:
            state[name].copy_(torch.from_numpy(value))
        elif not np.array_equal(state[name].numpy(), value):
            raise ValueError(f"{folder}: transformers holds another {name}")
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    if set(state) - tied != set(tensors) - tied:
        raise ValueError(f"names differ: {sorted(set(state) ^ set(tensors))}")
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
    return logits, model.num_parameters()


def facts(values):
    """What the engine's ModelConfig must say, in the terms of config.json's meaning."""
    falcon = values["model_type"] == "falcon"
    heads = values["num_attention_heads"]
    kv_heads = values.get("num_key_value_heads") or heads
    if falcon:
        new = values["new_decoder_architecture"]
        kv_heads = values["num_kv_heads"] if new else 1 if values["multi_query"] else heads
    hidden = values["hidden_size"]
    scaling = values.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "none"))
    return {
        "layers": values["num_hidden_layers"], "hidden": hidden, "heads": heads, "kv_heads": kv_heads,
        "head_size": values.get("head_dim") or hidden // heads,
        "ffn": values.get("ffn_hidden_size", 4 * hidden) if falcon else values["intermediate_size"],
        "vocab": values["vocab_size"], "tied_head": values.get("tie_word_embeddings", falcon),
        "norm": "layer" if falcon else "rms",
        "norm_eps": values["layer_norm_epsilon"] if falcon else values["rms_norm_eps"],
        "gated_mlp": not falcon, "parallel_residual": falcon and (values["new_decoder_architecture"] or
                                                                  values["parallel_attn"]),
        "alibi": bool(values.get("alibi")), "rope_theta": values.get("rope_theta", 10000.0),
        "rope_scaling": kind, "sliding_window": values.get("sliding_window") or 0,
        "trained_context": values.get("max_position_embeddings", 2048)}


def write(variant, values, tensors, files, tokenizer_kind, out):
    """The variant's files."""
    if variant.folder:
        plain = variant.rewrite(values) if variant.rewrite else values
        if "quantization" in variant.options:
            config = {**quantized_folders.awq_config(variant.options, "gemm"), **variant.options["quantization"]}
            plain = {**plain, "quantization_config": config}
        return storage.write_config(variant, values, tensors, plain,
                                    quantized_folders.older_quant_config(variant.options), out)
    if variant.format == "gguf":
        return gguf_files.write_gguf(variant, values, tensors, files, out, tokenizer_kind)
    if variant.format == "safetensors":
        return storage.write_safetensors(variant, values, tensors, files, out)
    return quantized_folders.write_quantized(variant, values, tensors, files, out)


def make(variant, tensors, loss, tokenizers, out, rows):
    """Writes one variant's files and golden; returns its row of models.json."""
    base = BASES[variant.base]
    values = {**base.values, **variant.values}
    files = tokenizers[base.tokenizer]
    written = write(variant, values, tensors, files, base.tokenizer, out)
    size = sum(os.path.getsize(os.path.join(out, path)) for path in written.new_files)
    row = {"name": variant.name, "family": values["model_type"], "shows": variant.shows, "format": variant.format,
           "path": written.path, "replace": written.replace}
    tail = {"transformers_loads": written.transformers_loads, "training_loss": round(loss, 3), "bytes": size}
    if variant.golden_of:
        same = next(other for other in rows if other["name"] == variant.golden_of)
        print(f"{variant.name}: the golden of {variant.golden_of}", flush=True)
        return {**same, **row, **tail}
    length, ids = golden_text(tokenizer_of(files), read_text("text.txt"), variant.tokens)
    with storage.assembled(out, written) as folder:
        logits, parameters = transformers_logits(written.values, written.tensors, ids,
                                                 folder if written.transformers_loads else None)
    exact = numpy_logits(written.values, written.tensors, ids)
    difference = float(np.abs(logits - exact).max())
    nll = float(np.mean(np.log(np.exp(exact).sum(1))[:-1] - exact[np.arange(len(ids) - 1), ids[1:]]))
    print(f"{variant.name}: {len(ids)} tokens, nll {nll:.3f}, difference to fp64 {difference:.1e}, {size} bytes",
          flush=True)
    if difference > AGREEMENT:
        sys.exit(f"{variant.name}: the two forward passes disagree")
    os.makedirs(os.path.join(out, "goldens"), exist_ok=True)
    golden.write_golden(os.path.join(out, "goldens", variant.name + ".bin"), ids, logits)
    return {**row, "golden": f"goldens/{variant.name}.bin", "tokens": len(ids), "text_bytes": length,
            "context": variant.context or len(ids), "parameters": parameters, "expect": facts(written.values),
            "text_nll": round(nll, 3), **tail}


def write_index(out, rows):
    order = [variant.name for variant in VARIANTS]
    rows.sort(key=lambda row: order.index(row["name"]))
    with open(os.path.join(out, "models.json"), "w", encoding="utf-8") as file:
        file.write('{"format": 1, "text": "text.txt", "models": [\n')
        file.write(",\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
        file.write("\n]}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", default="")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    cache = arguments.cache or tempfile.mkdtemp()
    os.makedirs(cache, exist_ok=True)
    chosen = [v for v in VARIANTS if not arguments.only or v.name in arguments.only]
    bases = sorted({variant.base for variant in chosen})
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        weights = dict(zip(bases, pool.starmap(trained, [(name, cache) for name in bases], chunksize=1)))
    tokenizers = small_tokenizers(read_text("../plain_text.txt"))
    rows = []
    if arguments.only and os.path.exists(os.path.join(HERE, "models.json")):
        known = {variant.name for variant in VARIANTS} - set(arguments.only)
        rows = [row for row in json.loads(read_text("models.json"))["models"] if row["name"] in known]
    else:
        for name in ("models", "goldens"):
            shutil.rmtree(os.path.join(HERE, name), ignore_errors=True)
    for variant in chosen:
        rows.append(make(variant, *weights[variant.base], tokenizers, HERE, rows))
    gguf_files.write_random_blocks(HERE)
    write_index(HERE, rows)
    total = sum(os.path.getsize(os.path.join(root, name)) for part in ("models", "goldens")
                for root, _, names in os.walk(os.path.join(HERE, part)) for name in names)
    print(f"{len(rows)} models, {total} bytes of checkpoints and goldens")


if __name__ == "__main__":
    main()
