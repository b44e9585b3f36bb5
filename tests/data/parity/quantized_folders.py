"""Writes folders with 4-bit weights: AutoAWQ's three layouts and compressed-tensors."""

import numpy as np

import awq_layouts
from storage import Folder, Written, as_stored, json_bytes, save_safetensors

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "query_key_value", "dense",
           "dense_h_to_4h", "dense_4h_to_h")


def is_linear(name):
    parts = name.split(".")
    return parts[-1] == "weight" and parts[-2] in LINEARS


def act_scales(width):
    """Divisors of the GELU's output, as an AWQ search leaves them in Falcon files; F16 [width]."""
    random = np.random.default_rng(7)
    return np.exp(0.4 * random.standard_normal(width)).astype(np.float16).astype(np.float32)


def awq_config(options, version):
    return {"bits": 4, "group_size": options["group"], "modules_to_not_convert": options.get("keep"),
            "quant_method": "awq", "version": version, "zero_point": True}


def compressed_tensors_config(options):
    weights = {"actorder": None, "block_structure": None, "dynamic": False, "group_size": options["group"],
               "num_bits": 4, "observer": "minmax", "observer_kwargs": {}, "strategy": "group",
               "symmetric": options["symmetric"], "type": "int"}
    group = {"input_activations": None, "output_activations": None, "targets": ["Linear"], "weights": weights}
    return {"config_groups": {"group_0": group}, "format": "pack-quantized", "ignore": ["lm_head"],
            "kv_cache_scheme": None, "quant_method": "compressed-tensors", "quantization_status": "compressed"}


def group_of(name, inner, options):
    group = options["group"]
    for part, other in options.get("groups", {}).items():
        group = other if part in name else group
    return inner if group == -1 else group


def quantise(layout, weight, group, options):
    """(stored arrays by suffix, dequantised weight)."""
    if layout == "compressed-tensors":
        rounding = awq_layouts.round_symmetric if options["symmetric"] else awq_layouts.round_to_nearest
        codes, zeros, scales = rounding(weight, group)
        return (awq_layouts.compressed_tensors(codes, zeros, scales, options["symmetric"]),
                awq_layouts.dequantise(codes, zeros, scales))
    codes, zeros, scales = awq_layouts.round_to_nearest(weight, group)
    if layout == "awq-gemv_fast":
        return awq_layouts.gemv_fast(codes, zeros, scales), awq_layouts.dequantise_gemv_fast(codes, zeros, scales)
    pack = awq_layouts.gemm if layout == "awq-gemm" else awq_layouts.gemv
    return pack(codes, zeros, scales), awq_layouts.dequantise(codes, zeros, scales)


def write_quantized(variant, values, tensors, tokenizer_files, out):
    import torch

    options = variant.options
    kept = {name: value for name, value in tensors.items()
            if not is_linear(name) or any(part in name for part in options.get("keep", []))}
    stored, effective = as_stored(kept, "float16")
    for name, weight in tensors.items():
        if name in kept:
            continue
        module = name.removesuffix(".weight")
        divisors = None
        if options.get("act_scales") and name.endswith("dense_4h_to_h.weight"):
            divisors = act_scales(weight.shape[1])
            weight = weight * divisors
            stored[module.replace("dense_4h_to_h", "act.scales")] = torch.from_numpy(divisors).half()
        parts, dequantised = quantise(variant.format, weight, group_of(name, weight.shape[1], options), options)
        effective[name] = dequantised.astype(np.float32) if divisors is None else dequantised / divisors
        for suffix, array in parts.items():
            value = torch.from_numpy(array)
            if suffix == "weight_scale":
                value = value.to(torch.bfloat16 if options["symmetric"] else torch.float16)
            stored[f"{module}.{suffix}"] = value
    folder = Folder(out, variant.name)
    save_safetensors(folder, stored)
    if variant.format == "compressed-tensors":
        config = compressed_tensors_config(options)
    else:
        config = awq_config(options, variant.format.removeprefix("awq-"))
    folder.put("config.json", json_bytes({**values, "quantization_config": config}))
    folder.put_all(tokenizer_files)
    return Written(folder.name, values, effective, transformers_loads=False, new_files=folder.files)


def older_quant_config(options):
    """quant_config.json as AutoAWQ 0.1 wrote it."""
    return {"zero_point": True, "q_group_size": options.get("group", 128), "w_bit": 4, "version": "GEMM"}
