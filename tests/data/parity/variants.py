"""Which models are trained, and in which forms each is stored. One row per fact that a reader may get wrong."""

from dataclasses import dataclass, field

from families import falcon, legacy_falcon, llama, minimal_llama, mistral, version5


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
    folder: str = ""  # not empty: no files of its own but `config` in that variant's folder
    config: str = ""
    quant_config: str = ""  # with `folder`: a file that stands in for quant_config.json
    rewrite: object = None  # config.json as another writer puts it
    golden_of: str = ""  # the same model as that variant: the same golden
    transformers_loads: bool = True
    options: dict = field(default_factory=dict)  # for the format's writer
    context: int = 256  # tokens to load with; 0: those of the golden


ALIBI = {"alibi": True, "bias": True, "multi_query": False, "parallel_attn": False}
LLAMA3_ROPE = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64, "rope_type": "llama3"}

BASES = {
    "llama_v1": Base(llama(48, 4, 4, 128, rms_norm_eps=1e-6), "llama"),
    "llama_v2": Base(llama(48, 3, 3, 172), "llama"),
    "llama_gqa_tied": Base(llama(72, 9, 3, 128, vocab=320, tie_word_embeddings=True, rope_theta=100000.0,
                                 torch_dtype="bfloat16"), "smollm"),
    "tinyllama": Base(llama(64, 8, 1, 96), "llama"),
    "openllama": Base(llama(64, 2, 2, 96, layers=1, head_dim=100, rms_norm_eps=1e-6), "llama"),
    "llama3": Base(llama(48, 3, 1, 128, vocab=320, rope_theta=500000.0, rope_scaling=LLAMA3_ROPE,
                         max_position_embeddings=512, bos_token_id=315, eos_token_id=[316, 319],
                         torch_dtype="bfloat16"), "llama3"),
    "llama_biases": Base(llama(32, 4, 2, 80, attention_bias=True, mlp_bias=True, torch_dtype="float32"), "llama"),
    "falcon3": Base(llama(40, 2, 1, 96, layers=1, vocab=320, head_dim=256, rope_theta=1000042.0, rms_norm_eps=1e-6,
                          bos_token_id=11, eos_token_id=11, torch_dtype="bfloat16"), "falcon"),
    "mistral_window": Base(mistral(48, 6, 2, 128, sliding_window=24, torch_dtype="bfloat16"), "llama"),
    "mistral_v3": Base(mistral(48, 4, 2, 112, vocab=512, head_dim=16, rope_theta=1000000.0, torch_dtype="bfloat16"),
                       "mistral3"),
    "falcon_7b": Base(falcon(56, 7), "falcon"),
    "falcon_71_heads": Base(falcon(284, 71, layers=1, ffn_hidden_size=32), "falcon", steps=300),
    "falcon_rw": Base(falcon(48, 6, **ALIBI), "falcon"),
    "falcon_rw16": Base(falcon(64, 16, layers=1, **ALIBI), "falcon"),
    "falcon_rw8": Base(falcon(64, 8, layers=1, **ALIBI), "falcon"),
    "falcon_40b": Base(falcon(48, 6, new_decoder_architecture=True, num_kv_heads=2, tie_word_embeddings=False),
                       "falcon"),
    "falcon_11b": Base(falcon(48, 6, layers=1, new_decoder_architecture=True, num_kv_heads=3,
                              num_ln_in_parallel_attn=1, rope_theta=500042.0, tie_word_embeddings=False), "falcon"),
    "mistral_64": Base(mistral(64, 4, 2, 128, sliding_window=24), "llama"),
    "llama_128": Base(llama(128, 4, 2, 256, layers=1, vocab=320, tie_word_embeddings=True), "smollm", steps=300),
    "falcon_96": Base(falcon(96, 3, layers=1), "falcon", steps=300),
    "llama_256": Base(llama(256, 8, 2, 256, layers=1), "llama", steps=200),
}

PLAIN = [
    Variant("llama_v1", "llama_v1", "LLaMA-7B (v1): RMSNorm eps 1e-6, head size 12, untied head, three F16 shards",
            options={"shards": 3}),
    Variant("llama_v1_minimal", "llama_v1", "config.json without num_key_value_heads, rope_theta, rope_scaling and "
            "tie_word_embeddings: the defaults", folder="llama_v1", config="config.minimal.json", rewrite=minimal_llama,
            golden_of="llama_v1"),
    Variant("llama_v2", "llama_v2", "LLaMA-2: MHA with 3 heads, ffn 172 (4 * 43), RMSNorm eps 1e-5, untied head, F16"),
    Variant("llama_gqa_tied", "llama_gqa_tied", "SmolLM2: 9 query heads on 3 KV heads, tied head, BF16",
            options={"dtype": "bfloat16"}),
    Variant("tinyllama", "tinyllama", "TinyLlama: 8 query heads on one KV head, F16"),
    Variant("openllama", "openllama", "OpenLLaMA-3B: head size 100 (head_dim is given, to keep the model small), F16"),
    Variant("llama3", "llama3", "Llama-3.1: llama3 rope scaling whose three ranges are all met, list of eos ids, BF16",
            tokens=168, options={"dtype": "bfloat16"}),
    Variant("llama3_v5", "llama3", "the same config.json as transformers 5 writes it: rope_parameters and dtype",
            folder="llama3", config="config.v5.json", rewrite=version5, golden_of="llama3", transformers_loads=False),
    Variant("llama_biases", "llama_biases", "attention_bias and mlp_bias: all seven biases of a layer, F32",
            options={"dtype": "float32"}),
    Variant("falcon3", "falcon3", "Falcon3: LlamaForCausalLM, head size 256 with 2 heads on one KV head, so that heads "
            "* head_dim is not hidden; theta 1000042, BF16", options={"dtype": "bfloat16"}),
    Variant("mistral_window", "mistral_window", "Mistral v0.1: a window of 24 tokens, text seven times as long, BF16",
            tokens=168, options={"dtype": "bfloat16"}),
    Variant("mistral_no_window", "mistral_window", "Mistral v0.2: sliding_window null", tokens=168,
            values={"sliding_window": None}, folder="mistral_window", config="config.no_window.json",
            options={"dtype": "bfloat16"}),
    Variant("mistral_v3", "mistral_v3", "Mistral v0.3: control tokens [INST] 3 and [/INST] 4 before the bytes, theta "
            "1e6, head_dim that is not hidden / heads (as Nemo), BF16", options={"dtype": "bfloat16"}),
    Variant("mistral_v3_v5", "mistral_v3", "the same config.json as transformers 5 writes it", folder="mistral_v3",
            config="config.v5.json", rewrite=version5, golden_of="mistral_v3", transformers_loads=False),
    Variant("falcon_7b", "falcon_7b", "Falcon-7B: 7 query heads on one KV head though num_kv_heads says 7, one "
            "LayerNorm for both branches, lm_head stored beside a tied embedding, no max_position_embeddings, F16",
            options={"store_tied_head": True}),
    Variant("falcon_7b_legacy", "falcon_7b", "RefinedWebModel config.json: n_head, n_layer, no new_decoder_architecture",
            folder="falcon_7b", config="config.legacy.json", rewrite=legacy_falcon, golden_of="falcon_7b",
            transformers_loads=False),
    Variant("falcon_71_heads", "falcon_71_heads", "Falcon-7B's 71 query heads on one KV head, ffn_hidden_size, F16"),
    Variant("falcon_rw", "falcon_rw", "Falcon-RW: ALiBi with 6 heads (not a power of two), biases, q/k/v interleaved per "
            "head, sequential, F16", tokens=168),
    Variant("falcon_rw_legacy", "falcon_rw", "RefinedWebModel config.json with alibi",
            folder="falcon_rw", config="config.legacy.json", rewrite=legacy_falcon, golden_of="falcon_rw",
            transformers_loads=False),
    Variant("falcon_rw16", "falcon_rw16", "Falcon-RW with 16 heads and positions beyond 256, F16: Falcon's code rounds "
            "slope, key position and their product to BF16; without that the logits differ by up to 2",
            tokens=320, context=384),
    Variant("falcon_40b", "falcon_40b", "Falcon-40B: new decoder architecture, 6 query heads on 2 KV heads grouped in the "
            "fused matrix, ln_attn and ln_mlp, untied head, F16"),
    Variant("falcon_11b", "falcon_11b", "Falcon-11B: new decoder architecture with one LayerNorm, theta 500042, F16"),
]


def rope(name, shows, scaling, tokens=96, positions=256, context=256):
    return Variant(f"llama_rope_{name}", "llama_v2", shows, tokens=tokens, folder="llama_v2",
                   values={"rope_scaling": scaling, "max_position_embeddings": positions},
                   config=f"config.rope_{name}.json", context=context)


ROPE = [
    rope("linear", "linear rope scaling, the old key `type`", {"type": "linear", "factor": 2.0}),
    Variant("llama_rope_linear_v5", "llama_v2", "linear rope scaling in rope_parameters", folder="llama_v2",
            values={"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, config="config.rope_linear_v5.json",
            rewrite=version5, golden_of="llama_rope_linear", transformers_loads=False),
    rope("dynamic", "dynamic NTK beyond max_position_embeddings (64): scaled for the whole golden, which is the context "
         "to load with", {"rope_type": "dynamic", "factor": 2.0}, tokens=168, positions=64, context=0),
    rope("dynamic_short", "dynamic NTK below max_position_embeddings: no scaling yet",
         {"rope_type": "dynamic", "factor": 2.0}, positions=128, context=128),
    rope("yarn", "YaRN with original_max_position_embeddings, attention factor from the factor",
         {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}, tokens=168),
    rope("yarn_explicit", "YaRN with attention_factor, beta_fast and beta_slow given, no original length",
         {"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.25, "beta_fast": 16.0, "beta_slow": 2.0}),
    rope("yarn_mscale", "YaRN with mscale and mscale_all_dim",
         {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "mscale": 1.0,
          "mscale_all_dim": 0.5}),
]


def awq(name, shows, layout="awq-gemm", base="llama_128", **options):
    return Variant(name, base, shows, format=layout, transformers_loads=False, options=options)


QUANTIZED = [
    awq("awq_g32", "AutoAWQ gemm, groups of 32", group=32),
    awq("awq_g64", "AutoAWQ gemm, groups of 64", group=64),
    awq("awq_g128", "AutoAWQ gemm, groups of 128: one group in most rows, two in down_proj", group=128),
    awq("awq_row", "AutoAWQ gemm, group_size -1: one group per row, rows of 128 and of 256", group=-1),
    awq("awq_mixed", "AutoAWQ gemm: v_proj in F16 through modules_to_not_convert, groups of 32 in the MLP and 64 in "
        "attention where config.json says 64", group=64, groups={"mlp": 32}, keep=["v_proj"]),
    awq("awq_gemv", "AutoAWQ gemv, groups of 64: zeros and scales padded", "awq-gemv", group=64),
    awq("awq_gemv_fast", "AutoAWQ gemv_fast, groups of 128: I16 words over four rows, zeros as F16 -scale * zero",
        "awq-gemv_fast", group=128),
    Variant("awq_quant_config", "llama_128", "TheBloke's older repositories: no quantization_config, quant_config.json "
            "with q_group_size and GEMM", format="awq-gemm", folder="awq_g128", config="config.plain.json",
            quant_config="quant_config.bloke.json", golden_of="awq_g128", transformers_loads=False),
    Variant("awq_no_config", "llama_128", "neither quantization_config nor quant_config.json: inferred from the tensors",
            format="awq-gemm", folder="awq_g128", config="config.plain.json", golden_of="awq_g128",
            transformers_loads=False),
    Variant("awq_sym_flag", "llama_128", "zero_point false and sym true beside real qzeros, as AutoRound's exports: the "
            "tensors are right", format="awq-gemm", folder="awq_g128", config="config.sym_flag.json",
            golden_of="awq_g128", transformers_loads=False,
            options={"group": 128, "quantization": {"zero_point": False, "sym": True}}),
    Variant("awq_wrong_group", "llama_128", "config.json says groups of 64, the tensors have 128: the tensors are right",
            format="awq-gemm", folder="awq_g128", config="config.wrong_group.json", golden_of="awq_g128",
            transformers_loads=False, options={"group": 64, "quantization": {}}),
    awq("ct_asymmetric", "compressed-tensors pack-quantized, asymmetric with zero points, groups of 32, F16 scales",
        "compressed-tensors", group=32, symmetric=False),
    awq("ct_symmetric", "compressed-tensors pack-quantized, symmetric, groups of 128, BF16 scales", "compressed-tensors",
        group=128, symmetric=True),
    Variant("mistral_awq", "mistral_64", "Mistral v0.1 AWQ gemm: groups of 64, own head, a window of 24 tokens",
            format="awq-gemm", tokens=168, transformers_loads=False, options={"group": 64}),
    awq("falcon_awq", "Falcon AWQ, groups of 32, with mlp.act.scales", base="falcon_96", group=32, act_scales=True),
    awq("falcon_rw_awq", "Falcon-RW AWQ: biases, ALiBi with 8 heads, groups of 64", base="falcon_rw8", group=64),
]


def gguf(name, base, shows, **options):
    return Variant(name, base, shows, format="gguf", transformers_loads=False,
                   values={"rope_scaling": options["rope_scaling"]} if "rope_scaling" in options else {},
                   tokens=168 if "window" in name or "llama3" in name else 96, options=options)


GGUF = [
    gguf("gguf_llama_k_quants", "llama_256", "GGUF llama, every K-quant: Q2_K to Q6_K", types={
        "token_embd": "Q4_K", "attn_q": "Q3_K", "attn_k": "Q2_K", "attn_v": "Q6_K", "attn_output": "Q5_K",
        "ffn_gate": "Q4_K", "ffn_up": "Q3_K", "ffn_down": "Q5_K", "output": "Q6_K"}),
    gguf("gguf_smollm_split", "llama_128", "GGUF llama in two parts, tied head, Q4_0 Q4_1 Q5_0 Q5_1 Q8_0, vocabulary "
         "gpt2 with pre smollm", parts=2, types={
             "token_embd": "Q8_0", "attn_q": "Q4_0", "attn_k": "Q5_0", "attn_v": "Q5_1", "attn_output": "Q4_1",
             "ffn_gate": "Q4_0", "ffn_up": "Q5_0", "ffn_down": "Q4_1"}),
    gguf("gguf_llama_linear", "llama_v2", "GGUF llama, F16, linear rope scaling, vocabulary llama", default="F16",
         rope_scaling={"type": "linear", "factor": 2.0}),
    gguf("gguf_llama3", "llama3", "GGUF llama, BF16, llama3 rope scaling as rope_freqs.weight, vocabulary gpt2 with pre "
         "llama-bpe", default="BF16"),
    gguf("gguf_llama_biases", "llama_biases", "GGUF llama, F32, biases; those of Q and K permuted as their rows",
         default="F32"),
    gguf("gguf_mistral_window", "mistral_window", "GGUF llama of a Mistral v0.1: attention.sliding_window, BF16",
         default="BF16"),
    gguf("gguf_falcon_7b", "falcon_96", "GGUF falcon, Q8_0 Q5_0 Q5_1 Q4_0, vocabulary gpt2 with pre falcon; exact GELU, "
         "not llama.cpp's tanh form", types={
             "token_embd": "Q8_0", "attn_qkv": "Q5_1", "attn_output": "Q5_0", "ffn_up": "Q4_0", "ffn_down": "Q8_0"}),
    gguf("gguf_falcon_40b", "falcon_40b", "GGUF falcon, new decoder architecture: qkv regrouped to all Q, K, V; "
         "attn_norm_2; own head, F16", default="F16"),
]

VARIANTS = PLAIN + ROPE + QUANTIZED + GGUF
