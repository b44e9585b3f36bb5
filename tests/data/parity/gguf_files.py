"""Writes GGUF files as llama.cpp's converter lays them out, and the blocks of random bits."""

import json
import math
import os

import gguf
import numpy as np

import k_quants
from storage import Written

SIMPLE = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
PRE = {"smollm": "smollm", "llama3": "llama-bpe", "falcon": "falcon"}
LLAMA_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
FALCON_NAMES = {
    "transformer.word_embeddings": "token_embd", "transformer.ln_f": "output_norm", "lm_head": "output",
    "self_attention.query_key_value": "attn_qkv", "self_attention.dense": "attn_output",
    "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down", "input_layernorm": "attn_norm",
    "ln_mlp": "attn_norm", "ln_attn": "attn_norm_2"}


def gguf_name(name):
    """(name in the file, its part without block and suffix)."""
    module, suffix = name.rsplit(".", 1)
    names, prefix = (LLAMA_NAMES, "model.layers.") if name.startswith(("model", "lm_head")) else (FALCON_NAMES, "")
    for prefix in ("model.layers.", "transformer.h."):
        if module.startswith(prefix):
            layer, module = module.removeprefix(prefix).split(".", 1)
            names = LLAMA_NAMES if prefix == "model.layers." else FALCON_NAMES
            return f"blk.{layer}.{names[module]}.{suffix}", names[module]
    return f"{names[module]}.{suffix}", names[module]


def row_order(name, values, rows):
    """Which row of the Hugging Face tensor each row of the GGUF tensor is."""
    order = np.arange(rows)
    heads = values["num_attention_heads"]
    if ".q_proj." in name or ".k_proj." in name:  # pairs (i, i + size/2) become neighbours
        count = heads if ".q_proj." in name else values["num_key_value_heads"]
        return order.reshape(count, 2, -1).swapaxes(1, 2).reshape(-1)
    if "query_key_value" in name and values["new_decoder_architecture"]:  # groups become all Q, all K, all V
        kv_heads = values["num_kv_heads"]
        groups = order.reshape(kv_heads, heads // kv_heads + 2, -1)
        return np.concatenate([groups[:, :-2].reshape(-1), groups[:, -2].reshape(-1), groups[:, -1].reshape(-1)])
    return order


def encode(array, kind):
    """(bytes as the writer takes them, ggml type, the float32 that they mean)."""
    kind_id = gguf.GGMLQuantizationType[kind]
    if kind == "F32":
        data = array.astype(np.float32)
    elif kind == "F16":
        data = array.astype(np.float16)
    elif kind == "BF16" or kind in SIMPLE:
        data = gguf.quants.quantize(array.astype(np.float32), kind_id)
    else:
        data = k_quants.encode(array, kind)
    return data, kind_id, gguf.quants.dequantize(data, kind_id).astype(np.float32).reshape(array.shape)


def add_sentencepiece(writer, model):
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    kinds = gguf.TokenType
    tokens, scores, types = [], [], []
    for token in range(processor.vocab_size()):
        tokens.append(processor.id_to_piece(token))
        scores.append(processor.get_score(token))
        types.append(kinds.UNKNOWN if processor.is_unknown(token) else kinds.CONTROL if processor.is_control(token)
                     else kinds.BYTE if processor.is_byte(token) else kinds.NORMAL)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def add_byte_level(writer, files, pre):
    tokenizer = json.loads(files["tokenizer.json"])
    ids = {**tokenizer["model"]["vocab"], **{token["content"]: token["id"] for token in tokenizer["added_tokens"]}}
    special = {token["content"] for token in tokenizer["added_tokens"]}
    tokens = sorted(ids, key=ids.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge)
                             for merge in tokenizer["model"]["merges"]])
    config = json.loads(files["tokenizer_config.json"])
    if "bos_token" in config:
        writer.add_bos_token_id(ids[config["bos_token"]])
    writer.add_eos_token_id(ids[config["eos_token"]])
    if tokenizer["post_processor"]:
        writer.add_add_bos_token(True)


def add_vocabulary(writer, kind, files):
    if "tokenizer.model" in files:
        add_sentencepiece(writer, files["tokenizer.model"])
    else:
        add_byte_level(writer, files, PRE[kind])
    template = json.loads(files["tokenizer_config.json"]).get("chat_template")
    if template:
        writer.add_chat_template(template)


def add_configuration(writer, values, name):
    writer.add_name(name)
    writer.add_block_count(values["num_hidden_layers"])
    writer.add_embedding_length(values["hidden_size"])
    writer.add_head_count(values["num_attention_heads"])
    if values["model_type"] == "falcon":
        writer.add_context_length(2048)
        writer.add_tensor_data_layout("jploski")
        writer.add_feed_forward_length(4 * values["hidden_size"])
        writer.add_head_count_kv(values["num_kv_heads"] if values["new_decoder_architecture"] else 1)
        writer.add_layer_norm_eps(values["layer_norm_epsilon"])
        return
    size = values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"]
    writer.add_context_length(values["max_position_embeddings"])
    writer.add_vocab_size(values["vocab_size"])
    writer.add_feed_forward_length(values["intermediate_size"])
    writer.add_head_count_kv(values["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(values["rms_norm_eps"])
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(values["rope_theta"])
    scaling = values.get("rope_scaling") or {}
    if scaling.get("type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(scaling["factor"])
    if values.get("sliding_window"):
        writer.add_sliding_window(values["sliding_window"])


def llama3_divisors(values):
    """rope_freqs.weight [head size / 2]: what each inverse frequency is divided by."""
    scaling = values["rope_scaling"]
    size = values["hidden_size"] // values["num_attention_heads"]
    original, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    out = []
    for i in range(size // 2):
        turns = original / (2 * math.pi * values["rope_theta"] ** (2 * i / size))
        smooth = min(max((turns - low) / (high - low), 0.0), 1.0)
        out.append(1.0 / ((1 - smooth) / factor + smooth))
    return np.array(out, np.float32)


def write_gguf(variant, values, tensors, tokenizer_files, out, tokenizer_kind):
    options = variant.options
    os.makedirs(os.path.join(out, "models"), exist_ok=True)
    path = os.path.join("models", variant.name + ".gguf")
    architecture = "falcon" if values["model_type"] == "falcon" else "llama"
    parts = options.get("parts", 1)
    per_part = -(-len(tensors) // parts) if parts > 1 else 0
    writer = gguf.GGUFWriter(os.path.join(out, path), architecture, split_max_tensors=per_part)
    add_configuration(writer, values, variant.name)
    writer.add_quantization_version(2)
    add_vocabulary(writer, tokenizer_kind, tokenizer_files)
    effective = {}
    if (values.get("rope_scaling") or {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_divisors(values))
    for name, value in tensors.items():
        in_file, part = gguf_name(name)
        kind = "F32" if value.ndim == 1 else options.get("types", {}).get(part) or options["default"]
        order = row_order(name, values, len(value))
        data, kind_id, meaning = encode(np.ascontiguousarray(value[order]), kind)
        writer.add_tensor(in_file, data, raw_dtype=kind_id)
        effective[name] = np.empty_like(meaning)
        effective[name][order] = meaning
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    files = [path]
    if parts > 1:
        files = [path.replace(".gguf", f"-{i + 1:05d}-of-{parts:05d}.gguf") for i in range(parts)]
    return Written(files[0], values, effective, transformers_loads=False, new_files=files)


def write_random_blocks(out):
    """gguf_blocks.bin and .json: two rows of random bits of every block type and what gguf.quants makes of them."""
    random = np.random.default_rng(11)
    rows, elements, data, index = 2, 512, b"", []
    for kind in SIMPLE + tuple(k_quants.ENCODERS):
        kind_id = gguf.GGMLQuantizationType[kind]
        block, size = gguf.GGML_QUANT_SIZES[kind_id]
        raw = random.integers(0, 256, (rows, elements // block, size), np.uint8)
        halves = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,),
                  "Q4_1": (0, 2), "Q5_1": (0, 2)}.get(kind, (0,))
        for place in halves:  # the F16 factors are numbers of a sane size, of both signs
            factors = (random.standard_normal(raw.shape[:2]) * 0.01).astype("<f2")
            raw[:, :, place:place + 2] = factors[..., None].view(np.uint8)
        raw = raw.reshape(rows, -1)
        meaning = gguf.quants.dequantize(raw, kind_id).astype("<f4")
        if not np.isfinite(meaning).all():
            raise ValueError(kind)
        index.append({"type": kind, "id": int(kind_id), "rows": rows, "elements_per_row": elements,
                      "raw_offset": len(data), "raw_bytes": raw.size, "values_offset": len(data) + raw.size})
        data += raw.tobytes() + meaning.tobytes()
    with open(os.path.join(out, "gguf_blocks.bin"), "wb") as file:
        file.write(data)
    with open(os.path.join(out, "gguf_blocks.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in index) + "\n]\n")
