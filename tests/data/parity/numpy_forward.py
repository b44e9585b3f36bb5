"""A forward pass of the three families in numpy, fp64, written from the papers: the check on the oracle.

Takes config.json's values and tensors under Hugging Face's names; whole sequence at once, no cache.
"""

import math

import numpy as np


def rope_frequencies(values, size, tokens):
    """(inverse frequencies [size/2], factor on cos and sin) for a sequence of `tokens`."""
    theta = values.get("rope_theta", 10000.0)
    frequencies = theta ** (-np.arange(0, size, 2) / size)
    scaling = values.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    trained = values.get("max_position_embeddings", 2048)
    if kind == "default":
        return frequencies, 1.0
    factor = scaling["factor"]
    if kind == "linear":
        return frequencies / factor, 1.0
    if kind == "dynamic":  # NTK: the base grows with the sequence
        if tokens <= trained:
            return frequencies, 1.0
        base = theta * (factor * tokens / trained - (factor - 1)) ** (size / (size - 2))
        return base ** (-np.arange(0, size, 2) / size), 1.0
    if kind == "llama3":
        original = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        out = []
        for f in frequencies:
            turns = original * f / (2 * math.pi)
            smooth = (turns - low) / (high - low)
            out.append(f if turns > high else f / factor if turns < low else (1 - smooth) * f / factor + smooth * f)
        return np.array(out), 1.0
    if kind == "yarn":  # Peng et al. 2023, section 3.2-3.4
        original = scaling.get("original_max_position_embeddings")
        if original:
            factor = trained / original
        else:
            original = trained

        def dimension(turns):
            return size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

        low = max(math.floor(dimension(scaling.get("beta_fast") or 32)), 0)
        high = min(math.ceil(dimension(scaling.get("beta_slow") or 1)), size - 1)
        ramp = np.clip((np.arange(size // 2) - low) / max(high - low, 0.001), 0, 1)

        def temperature(m):
            return 1.0 if factor <= 1 else 0.1 * m * math.log(factor) + 1

        attention = scaling.get("attention_factor")
        if attention is None:
            if scaling.get("mscale") and scaling.get("mscale_all_dim"):
                attention = temperature(scaling["mscale"]) / temperature(scaling["mscale_all_dim"])
            else:
                attention = temperature(1)
        return frequencies / factor * ramp + frequencies * (1 - ramp), attention
    raise ValueError(f"unknown rope scaling {kind}")


def alibi_slopes(heads):
    """Press et al. 2022: a geometric series for a power of two, filled up from the next one otherwise."""
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8 * (i + 1) / power) for i in range(power)]
    slopes += [2.0 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * (heads - power), 2)]
    return np.array(slopes)


def to_bfloat16(x):
    """Round to nearest even, as the F32 whose lower half is 0."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def alibi_bias(heads, count):
    """[heads, count] by the key's position from 0, as Falcon's own code and transformers compute it: slope, position and
    product each rounded to BF16, which the softmax does not cancel. It is slope * position only where all three fit:
    slopes that are powers of two, positions up to 256."""
    slopes, positions = to_bfloat16(alibi_slopes(heads)), to_bfloat16(np.arange(count))
    return to_bfloat16(slopes[:, None] * positions).astype(np.float64)


def erf(x):
    return np.vectorize(math.erf)(x)


class Weights:
    def __init__(self, tensors):
        self.tensors = tensors

    def __call__(self, name):
        return self.tensors[name].astype(np.float64)

    def linear(self, x, name):
        y = x @ self(name + ".weight").T
        return y + self(name + ".bias") if name + ".bias" in self.tensors else y


def attention(q, k, v, values, heads, kv_heads, size, window, alibi, rope):
    """q [T, heads, size], k and v [T, kv heads, size]; returns [T, heads * size]."""
    count = len(q)
    position = np.arange(count)
    if rope:
        frequencies, factor = rope_frequencies(values, size, count)
        angles = position[:, None] * frequencies
        cos, sin = factor * np.cos(angles)[:, None, :], factor * np.sin(angles)[:, None, :]

        def turn(x):
            a, b = x[..., :size // 2], x[..., size // 2:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        q, k = turn(q), turn(k)
    distance = position[:, None] - position[None, :]
    hidden = (distance < 0) | ((distance >= window) if window else False)
    mixed = np.empty_like(q)
    bias = alibi_bias(heads, count) if alibi else None
    for head in range(heads):
        kv = head // (heads // kv_heads)
        scores = q[:, head] @ k[:, kv].T
        if alibi:
            scores = scores + bias[head]  # before the division, as Falcon does
        scores = np.where(hidden, -np.inf, scores / math.sqrt(size))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed[:, head] = scores / scores.sum(-1, keepdims=True) @ v[:, kv]
    return mixed.reshape(count, heads * size)


def llama_logits(values, tensors, ids):
    weight = Weights(tensors)
    heads, hidden = values["num_attention_heads"], values["hidden_size"]
    kv_heads = values.get("num_key_value_heads") or heads
    size = values.get("head_dim") or hidden // heads
    count = len(ids)

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + values["rms_norm_eps"]) * weight(name)

    x = weight("model.embed_tokens.weight")[ids]
    for layer in range(values["num_hidden_layers"]):
        block = f"model.layers.{layer}."
        h = norm(x, block + "input_layernorm.weight")
        q = weight.linear(h, block + "self_attn.q_proj").reshape(count, heads, size)
        k = weight.linear(h, block + "self_attn.k_proj").reshape(count, kv_heads, size)
        v = weight.linear(h, block + "self_attn.v_proj").reshape(count, kv_heads, size)
        mixed = attention(q, k, v, values, heads, kv_heads, size, values.get("sliding_window"), False, True)
        x = x + weight.linear(mixed, block + "self_attn.o_proj")
        h = norm(x, block + "post_attention_layernorm.weight")
        gate = weight.linear(h, block + "mlp.gate_proj")
        x = x + weight.linear(gate / (1 + np.exp(-gate)) * weight.linear(h, block + "mlp.up_proj"),
                              block + "mlp.down_proj")
    head = "model.embed_tokens.weight" if values["tie_word_embeddings"] else "lm_head.weight"
    return norm(x, "model.norm.weight") @ weight(head).T


def falcon_qkv(fused, values, heads, size):
    """fused [T, rows of query_key_value]; the three layouts of Falcon's fused matrix."""
    count = len(fused)
    if values["new_decoder_architecture"]:  # per group: its query heads, one key, one value
        kv_heads = values["num_kv_heads"]
        groups = fused.reshape(count, kv_heads, heads // kv_heads + 2, size)
        return groups[:, :, :-2].reshape(count, heads, size), groups[:, :, -2], groups[:, :, -1]
    if values["multi_query"]:  # all query heads, one key, one value
        rows = fused.reshape(count, heads + 2, size)
        return rows[:, :-2], rows[:, -2:-1], rows[:, -1:]
    rows = fused.reshape(count, heads, 3, size)  # query, key, value of one head after the other
    return rows[:, :, 0], rows[:, :, 1], rows[:, :, 2]


def falcon_logits(values, tensors, ids):
    weight = Weights(tensors)
    heads, hidden = values["num_attention_heads"], values["hidden_size"]
    size = hidden // heads

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + values["layer_norm_epsilon"])
        return scaled * weight(name + ".weight") + weight(name + ".bias")

    def mlp(h, block):
        up = weight.linear(h, block + "mlp.dense_h_to_4h")
        return weight.linear(up * 0.5 * (1 + erf(up / math.sqrt(2))), block + "mlp.dense_4h_to_h")

    x = weight("transformer.word_embeddings.weight")[ids]
    for layer in range(values["num_hidden_layers"]):
        block = f"transformer.h.{layer}."
        two = block + "ln_attn.weight" in tensors
        h = norm(x, block + ("ln_attn" if two else "input_layernorm"))
        q, k, v = falcon_qkv(weight.linear(h, block + "self_attention.query_key_value"), values, heads, size)
        mixed = attention(q, k, v, values, heads, k.shape[1], size, None, values["alibi"], not values["alibi"])
        mixed = weight.linear(mixed, block + "self_attention.dense")
        if two:
            x = x + mixed + mlp(norm(x, block + "ln_mlp"), block)
        elif values["parallel_attn"]:
            x = x + mixed + mlp(h, block)
        else:
            x = x + mixed
            x = x + mlp(norm(x, block + "post_attention_layernorm"), block)
    head = "transformer.word_embeddings.weight" if values.get("tie_word_embeddings", True) else "lm_head.weight"
    return norm(x, "transformer.ln_f") @ weight(head).T


def numpy_logits(values, tensors, ids):
    """[T, vocab] in fp64."""
    forward = falcon_logits if values["model_type"] == "falcon" else llama_logits
    return forward(values, tensors, np.asarray(ids))
