#!/usr/bin/env python3
"""Makes an fp16 source of the starter model, which is itself stored in 4 bits.

    noisy_model.py OUT [--seed 1234] [--model FILE.gguf]

Dequantizes SmolLM2-135M-Instruct.Q4_1.gguf and moves every weight of its linear layers by up to half a quantization
step, evenly distributed: what was lost when the file was made, as far as anybody can know it. Without that, rounding
to the same grid again would find all weights already on it. OUT becomes a Hugging Face folder in fp16 whose tokenizer
gives the ids of the GGUF file. Needs numpy, torch, transformers 4.51, accelerate, gguf.
"""

import argparse
import json
import os

import numpy as np

STARTER = "~/.cache/edgechat/SmolLM2-135M-Instruct.Q4_1.gguf"
BLOCK = 32  # weights of a Q4_1 block: fp16 step, fp16 minimum, 16 bytes of codes
BLOCK_BYTES = 20
LINEARS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
           "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
           "ffn_down": "mlp.down_proj"}


def steps_of(tensor):
    """The quantization step of every weight of a Q4_1 tensor: [outputs, inputs]."""
    if tensor.tensor_type.name != "Q4_1":
        raise SystemExit(f"{tensor.name} is {tensor.tensor_type.name}, expected Q4_1")
    inputs, outputs = (int(n) for n in tensor.shape)
    blocks = np.asarray(tensor.data).reshape(outputs, inputs // BLOCK, BLOCK_BYTES)
    steps = np.abs(blocks[:, :, :2].copy().view(np.float16).astype(np.float32))
    return steps.repeat(BLOCK, axis=2).reshape(outputs, inputs)


def transformers_order(rows, heads):
    """Rows of queries or keys: GGUF has the halves of a head interleaved, transformers one behind the other."""
    outputs, inputs = rows.shape
    return rows.reshape(heads, outputs // heads // 2, 2, inputs).swapaxes(1, 2).reshape(outputs, inputs)


def add_noise(model, file, seed):
    import torch
    from gguf import GGUFReader

    tensors = {tensor.name: tensor for tensor in GGUFReader(file).tensors}
    config = model.config
    random = np.random.default_rng(seed)
    state = model.state_dict()
    for layer in range(config.num_hidden_layers):
        for ours, theirs in LINEARS.items():
            steps = steps_of(tensors[f"blk.{layer}.{ours}.weight"])
            noise = (random.random(steps.shape, dtype=np.float32) - 0.5) * steps
            if ours in ("attn_q", "attn_k"):
                heads = config.num_attention_heads if ours == "attn_q" else config.num_key_value_heads
                noise = transformers_order(noise, heads)
            state[f"model.layers.{layer}.{theirs}.weight"].add_(torch.from_numpy(np.ascontiguousarray(noise)))


def repair_tokenizer(folder):
    """transformers makes LLaMA's pre-tokenizer of any GGUF file, and keeps the whole file as tokenizer.model: puts the
    pre-tokenizer of `smollm` in its place, and adds no BOS."""
    sentencepiece = os.path.join(folder, "tokenizer.model")
    if os.path.exists(sentencepiece):
        os.remove(sentencepiece)
    path = os.path.join(folder, "tokenizer.json")
    with open(path, encoding="utf-8") as file:
        tokenizer = json.load(file)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer.update(
        normalizer=None, post_processor=None, decoder={**byte_level, "add_prefix_space": True},
        pre_tokenizer={"type": "Sequence",
                       "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]})
    tokenizer["model"].update(byte_fallback=False, unk_token=None, fuse_unk=False)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tokenizer, file, ensure_ascii=False)
    path = os.path.join(folder, "tokenizer_config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["add_bos_token"] = False
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, ensure_ascii=False, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--model", default=STARTER)
    arguments = parser.parse_args()

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = os.path.expanduser(arguments.model)
    folder, file = os.path.split(os.path.abspath(path))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.float32)
    with torch.no_grad():
        add_noise(model, path, arguments.seed)
    model.half().save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    repair_tokenizer(arguments.out)
    print(f"{arguments.out}: {model.num_parameters() / 1e6:.1f} million parameters in fp16, seed {arguments.seed}")


if __name__ == "__main__":
    main()
