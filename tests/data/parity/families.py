"""config.json of the small models, with the keys that the families' own files carry."""

COMMON = {"torch_dtype": "float16", "use_cache": True, "attention_dropout": 0.0}


def llama(hidden, heads, kv_heads, ffn, layers=2, vocab=384, **more):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1, "eos_token_id": 2,
            "hidden_act": "silu", "hidden_size": hidden, "intermediate_size": ffn, "max_position_embeddings": 256,
            "num_attention_heads": heads, "num_hidden_layers": layers, "num_key_value_heads": kv_heads,
            "rms_norm_eps": 1e-5, "rope_scaling": None, "rope_theta": 10000.0, "tie_word_embeddings": False,
            "vocab_size": vocab, **COMMON, **more}


def mistral(hidden, heads, kv_heads, ffn, layers=2, vocab=384, **more):
    values = llama(hidden, heads, kv_heads, ffn, layers, vocab)
    values.pop("rope_scaling")
    return {**values, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": None, **more}


def falcon(hidden, heads, layers=2, vocab=320, **more):
    return {"alibi": False, "architectures": ["FalconForCausalLM"], "attention_dropout": 0.0, "bias": False,
            "bos_token_id": 11, "eos_token_id": 11, "hidden_dropout": 0.0, "hidden_size": hidden,
            "layer_norm_epsilon": 1e-5, "model_type": "falcon", "multi_query": True, "new_decoder_architecture": False,
            "num_attention_heads": heads, "num_hidden_layers": layers, "num_kv_heads": heads, "parallel_attn": True,
            "torch_dtype": "float16", "use_cache": True, "vocab_size": vocab, **more}


def legacy_falcon(values):
    """The same model as the first revisions on the Hub described it."""
    kept = {key: value for key, value in values.items()
            if key not in ("architectures", "model_type", "num_attention_heads", "num_hidden_layers", "num_kv_heads",
                           "new_decoder_architecture")}
    return {**kept, "architectures": ["RWForCausalLM"], "model_type": "RefinedWebModel",
            "n_head": values["num_attention_heads"], "n_layer": values["num_hidden_layers"]}


def version5(values):
    """The same model as transformers 5 writes it: rope_parameters and dtype."""
    kept = {key: value for key, value in values.items() if key not in ("rope_theta", "rope_scaling", "torch_dtype")}
    rope = dict(values.get("rope_scaling") or {"rope_type": "default"})
    return {**kept, "dtype": values["torch_dtype"], "rope_parameters": {**rope, "rope_theta": values["rope_theta"]}}


def minimal_llama(values):
    """Without the keys whose absence has a meaning: MHA, theta 1e4, no scaling, untied."""
    return {key: value for key, value in values.items()
            if key not in ("num_key_value_heads", "rope_theta", "rope_scaling", "tie_word_embeddings", "torch_dtype",
                           "attention_dropout")}
