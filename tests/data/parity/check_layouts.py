#!/usr/bin/env python3
"""Compares awq_layouts.py with the code of those who defined the layouts.

    check_layouts.py AUTOAWQ

AUTOAWQ: the unpacked source of autoawq 0.2.9 (pip download --no-deps --no-binary :all: autoawq). compressed-tensors must
be installed (0.9.4 was). Neither is needed to make the models.
"""

import os
import sys
import types

import numpy as np

import awq_layouts


def packages_without_their_init(root):
    """Lets single modules of AutoAWQ be imported without triton and the model classes."""
    for name in ("awq", "awq.modules", "awq.modules.linear", "awq.utils"):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(root, *name.split("."))]
        sys.modules[name] = module


def linear_of(weight):
    import torch

    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
    return linear


def main():
    import torch
    from compressed_tensors.compressors.quantized_compressors.pack_quantized import pack_to_int32

    packages_without_their_init(sys.argv[1])
    from awq.modules.linear.gemv import WQLinear_GEMV
    from awq.modules.linear.gemv_fast import WQLinear_GEMVFast
    from awq.utils.packing_utils import dequantize_gemm

    word = awq_layouts.pack_words(np.arange(8, dtype=np.uint8)[None], awq_layouts.GEMM_ORDER)
    assert word.view(np.uint32)[0, 0] == 0x75316420
    random = np.random.default_rng(3)
    for rows, inner, group in ((64, 128, 32), (128, 256, 64), (64, 384, 128), (72, 128, 128)):
        weight = random.standard_normal((rows, inner)).astype(np.float32)
        codes, zeros, scales = awq_layouts.round_to_nearest(weight, group)
        meant = awq_layouts.dequantise(codes, zeros, scales)
        assert np.abs(meant - weight).max() < 0.51 * scales.max()

        ours = {name: torch.from_numpy(value) for name, value in awq_layouts.gemm(codes, zeros, scales).items()}
        theirs = dequantize_gemm(ours["qweight"], ours["qzeros"], ours["scales"].float(), 4, group)
        assert np.array_equal(theirs.numpy().T, meant), "gemm"

        for kind, layout in ((WQLinear_GEMV, awq_layouts.gemv), (WQLinear_GEMVFast, awq_layouts.gemv_fast)):
            module = kind.from_linear(linear_of(meant), 4, group, scales=torch.from_numpy(scales),
                                      zeros=torch.from_numpy(zeros.astype(np.float32)))
            for name, value in layout(codes, zeros, scales).items():
                assert np.array_equal(getattr(module, name).numpy(), value), f"{kind.__name__}: {name}"

        ours = awq_layouts.compressed_tensors(codes, zeros, scales, symmetric=False)
        signed = torch.from_numpy(codes.astype(np.int8) - 8)
        assert np.array_equal(pack_to_int32(signed, 4).numpy(), ours["weight_packed"]), "weight_packed"
        signed = torch.from_numpy(zeros.astype(np.int8) - 8)
        assert np.array_equal(pack_to_int32(signed, 4, packed_dim=0).numpy(), ours["weight_zero_point"]), "zero points"
        print(f"[{rows}, {inner}] in groups of {group}: gemm, gemv, gemv_fast and pack-quantized agree")


if __name__ == "__main__":
    main()
