"""Which models are trained, and in which forms each is stored. One row per fact that a reader may get wrong."""

from dataclasses import dataclass, field

from families import falcon, legacy_falcon, llama, mistral, version5


@dataclass(frozen=True)
class Base:
    """A model that is trained once."""
    values: dict  # config.json
    tokenizer: str  # a kind of small_tokenizers.py
    steps: int = 500
    seed: int = 1


@dataclass(frozen=True)
class Variant:
    """A checkpoint, or another config.json of one."""
    name: str
    base: str
    shows: str
    format: str = "safetensors"
    tokens: int = 96  # at least so many in the golden text
    values: dict = field(default_factory=dict)  # differences to the base's config.json
    replace_config: str = ""  # not empty: no files of its own, this config.json in the folder of `folder`
    folder: str = ""  # whose files these are; empty: its own
    rewrite: object = None  # config.json as another writer puts it; the model stays the same
    options: dict = field(default_factory=dict)  # for the format's writer
    context: int = 256  # tokens to load with


BASES = {
    "llama_v2": Base(llama(48, 3, 3, 172), "llama"),
    "llama_gqa_tied": Base(llama(72, 9, 3, 128, vocab=320, tie_word_embeddings=True, rope_theta=100000.0,
                                 torch_dtype="bfloat16"), "smollm"),
    "mistral_window": Base(mistral(48, 6, 2, 128, sliding_window=24, torch_dtype="bfloat16"), "llama"),
    "falcon_7b": Base(falcon(56, 7), "falcon"),
    "falcon_rw": Base(falcon(48, 6, alibi=True, bias=True, multi_query=False, parallel_attn=False), "falcon"),
}

VARIANTS = [
    Variant("llama_v2", "llama_v2", "LLaMA-2: MHA with 3 heads, ffn 172 (4 * 43), RMSNorm eps 1e-5, untied head, F16"),
    Variant("llama_gqa_tied", "llama_gqa_tied", "SmolLM2: 9 query heads on 3 KV heads, tied head, BF16",
            options={"dtype": "bfloat16"}),
    Variant("mistral_window", "mistral_window", "Mistral v0.1: a window of 24 tokens, text seven times as long, BF16",
            tokens=168, options={"dtype": "bfloat16"}),
    Variant("falcon_7b", "falcon_7b", "Falcon-7B: 7 query heads on one KV head though num_kv_heads says 7, one LayerNorm "
            "for both branches, lm_head stored beside a tied embedding, no max_position_embeddings, F16",
            options={"store_tied_head": True}),
    Variant("falcon_rw", "falcon_rw", "Falcon-RW: ALiBi with 6 heads (not a power of two), biases, q/k/v interleaved per "
            "head, sequential, F16", tokens=168),
]
