#!/usr/bin/env python3
"""Writes smollm2_reference_logits.bin: logits of the starter model as transformers computes them in fp32.

    make_reference_logits.py MODEL.gguf [OUT]

Needs torch, transformers, accelerate and gguf. The C++ forward passes are compared with this file, so nothing of EdgeChat
takes part in making it. Before anything is written two things are checked, because a wrong oracle is worse than
none:

 1. every weight that transformers holds equals the file's own dequantised tensor (gguf.quants), with the rows of
    Q and K in Hugging Face's order: GGUF stores the two halves of a head's rotary pairs interleaved;
 2. a second forward pass written here in numpy, fp64, straight on the GGUF tensors and in GGUF's own order
    (adjacent rotary pairs), gives the same logits.

Format, little endian, no padding:

    char[8]   "ECREFLG1"
    char[64]  sha256 of the model file, lower-case hex
    u32       T: tokens of the text
    u32       K: vocabulary ids kept per position
    u32       B: bytes of the text
    i32[T]    token ids of the text (no BOS, the whole is one sequence that starts at position 0)
    T times, position t = what the model predicts after tokens 0..t:
        i32       argmax over the whole vocabulary
        f32       logit of the argmax
        f32       logsumexp over the whole vocabulary (natural log)
        i32[K]    ids: the 8 best first, in falling order of their logits, then K-8 pseudo-random others
        f32[K]    their logits
    u8[B]     the text, UTF-8
"""

import hashlib
import os
import struct
import sys

import numpy as np

MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
KEPT = 64
TOP = 8

TEXT = """The lighthouse keeper wrote in three inks. Black was for the weather, which he noted at six, noon and six again; \
blue was for ships, with their names, flags and headings; and red was for whatever did not fit into the other two. \
In the winter of 1911 the red entries grew longer.

"January 14. Wind NNW, force 9. The glass of the lantern room hums like a wet finger on a cup. At 02:40 I counted \
37 geese resting on the lee side of the rock, all facing the same way, as if they were waiting for a train."

He was not a lonely man, at least he never used the word. His sister sent newspapers, always a month old, and he \
read them in order, one each evening, so that in his kitchen the news was perfectly regular. What is the capital of \
France? he once asked the boy who brought the oil. "Paris," said the boy. "And who told you so?" "Everyone." \
"Then you do not know it," said the keeper, "you have only heard it very often."

def tide(hours: float) -> float:
    return 1.8 * math.sin(2 * math.pi * hours / 12.42) + 0.4

Am Abend brannte das Licht wieder; à minuit, la mer était calme. The boy, who became a surveyor, kept one page of the \
log in his wallet for the rest of his life. It said, in red, in a hand that leaned into the wind: "Today nothing \
happened, and I saw all of it."
"""


def gguf_tensors(path):
    """name -> float32 array, rows first, dequantised by the gguf package."""
    import gguf

    reader = gguf.GGUFReader(path)
    tensors = {}
    for tensor in reader.tensors:
        data = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        tensors[tensor.name] = data.reshape([int(n) for n in reversed(tensor.shape)])
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("tokenizer")}
    return tensors, fields


def to_half_rotation(rows, heads):
    """Rows of a head from adjacent rotary pairs (GGUF) to first half / second half (Hugging Face)."""
    out, inner = rows.shape
    return rows.reshape(heads, out // heads // 2, 2, inner).swapaxes(1, 2).reshape(out, inner)


def check_weights(model, tensors, fields):
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    names = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "token_embd.weight",
             "model.norm.weight": "output_norm.weight"}
    for layer in range(fields["llama.block_count"]):
        for theirs, ours in (("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
                             ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
                             ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
                             ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm")):
            names[f"model.layers.{layer}.{theirs}.weight"] = f"blk.{layer}.{ours}.weight"
    if set(names) != set(state):
        sys.exit(f"names differ: {sorted(set(names) ^ set(state))[:6]}")
    worst = 0.0
    for name, source in names.items():
        expected = tensors[source]
        if name.endswith("q_proj.weight"):
            expected = to_half_rotation(expected, heads)
        elif name.endswith("k_proj.weight"):
            expected = to_half_rotation(expected, kv_heads)
        worst = max(worst, float(np.abs(expected - state[name]).max()))
    print(f"weights: {len(names)} tensors, largest difference to gguf.quants {worst:g}")
    if worst != 0.0:
        sys.exit("transformers did not load the file's own weights")


def numpy_logits(tensors, fields, ids):
    """Llama forward in fp64 on the GGUF tensors; returns [T, vocab]."""
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    size = fields["llama.rope.dimension_count"]
    eps = fields["llama.attention.layer_norm_rms_epsilon"]
    count = len(ids)
    angles = np.arange(count)[:, None] * fields["llama.rope.freq_base"] ** (-np.arange(0, size, 2) / size)
    cos, sin = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
    mask = np.triu(np.full((count, count), -np.inf), 1)

    def weight(name):
        return tensors[name].astype(np.float64)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight(name)

    def rope(x):  # [T, heads, size], pairs (0,1), (2,3), ...
        even, odd = x[..., 0::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)

    x = weight("token_embd.weight")[ids]
    for layer in range(fields["llama.block_count"]):
        block = f"blk.{layer}."
        h = norm(x, block + "attn_norm.weight")
        q = rope((h @ weight(block + "attn_q.weight").T).reshape(count, heads, size))
        k = rope((h @ weight(block + "attn_k.weight").T).reshape(count, kv_heads, size))
        v = (h @ weight(block + "attn_v.weight").T).reshape(count, kv_heads, size)
        mixed = np.empty_like(q)
        for head in range(heads):
            kv = head // (heads // kv_heads)
            scores = q[:, head] @ k[:, kv].T / np.sqrt(size) + mask
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed[:, head] = scores / scores.sum(-1, keepdims=True) @ v[:, kv]
        x = x + mixed.reshape(count, -1) @ weight(block + "attn_output.weight").T
        h = norm(x, block + "ffn_norm.weight")
        gate = h @ weight(block + "ffn_gate.weight").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ weight(block + "ffn_up.weight").T)) @ weight(
            block + "ffn_down.weight").T
    return norm(x, "output_norm.weight") @ weight("token_embd.weight").T


def main():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = sys.argv[1]
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smollm2_reference_logits.bin")
    out = sys.argv[2] if len(sys.argv) > 2 else default
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != MODEL_SHA256:
        sys.exit(f"{path}: found sha256 {digest}, expected {MODEL_SHA256}")

    torch.set_num_threads(2)
    folder, name = os.path.split(os.path.abspath(path))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    tensors, fields = gguf_tensors(path)
    check_weights(model, tensors, fields)

    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    if tokenizer.decode(ids) != TEXT:
        sys.exit("the token ids do not decode to the text")
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    exact = numpy_logits(tensors, fields, ids)
    difference = float(np.abs(logits - exact).max())
    print(f"logits: {logits.shape}, largest difference of fp32 transformers to fp64 numpy {difference:g}")
    if difference > 5e-4:
        sys.exit("the two forward passes disagree")

    random = np.random.default_rng(135)
    with open(out, "wb") as file:
        text = TEXT.encode()
        file.write(b"ECREFLG1" + digest.encode() + struct.pack("<3I", len(ids), KEPT, len(text)))
        file.write(np.asarray(ids, "<i4").tobytes())
        for row in logits:
            best = np.argsort(-row, kind="stable")[:TOP]
            others = np.setdiff1d(random.permutation(row.size)[: KEPT], best, assume_unique=True)
            random.shuffle(others)
            kept = np.concatenate([best, others[: KEPT - TOP]])
            wide = row.astype(np.float64)
            logsumexp = wide.max() + np.log(np.exp(wide - wide.max()).sum())
            file.write(struct.pack("<iff", int(best[0]), float(row[best[0]]), logsumexp))
            file.write(kept.astype("<i4").tobytes() + row[kept].astype("<f4").tobytes())
        file.write(text)
    nll = np.mean([np.log(np.exp(r - r.max()).sum()) + r.max() - r[t]
                   for r, t in zip(logits[:-1].astype(np.float64), ids[1:])])
    print(f"{out}: {len(ids)} positions, {os.path.getsize(out)} bytes, mean negative log-likelihood {nll:.4f}")


if __name__ == "__main__":
    main()
