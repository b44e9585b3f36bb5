"""4-bit weights: rounding to nearest in groups, and the layouts in which the Hub's files hold them.

codes [N, K] uint8 0..15, zeros [N, K/g] uint8 0..15, scales [N, K/g] float32 that F16 holds (BF16 for symmetric ones);
weight = (code - zero) * scale.
check_layouts.py compares every layout with AutoAWQ's and compressed-tensors' own code.
"""

import numpy as np

GEMM_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]  # nibble p of a word holds column GEMM_ORDER[p] of eight


def round_to_nearest(weight, group):
    """(codes, zeros, scales) of weight [N, K]; the range of a group always contains 0."""
    rows, inner = weight.shape
    grouped = weight.astype(np.float32).reshape(rows, inner // group, group)
    low, high = np.minimum(grouped.min(2), 0), np.maximum(grouped.max(2), 0)
    scales = (np.maximum(high - low, 1e-5) / 15).astype(np.float16).astype(np.float32)
    zeros = np.clip(-np.rint(low / scales), 0, 15)
    codes = np.clip(np.rint(grouped / scales[..., None]) + zeros[..., None], 0, 15)
    return codes.reshape(rows, inner).astype(np.uint8), zeros.astype(np.uint8), scales


def round_symmetric(weight, group):
    """The same with the zero at 8: codes 8 + (-8..7)."""
    rows, inner = weight.shape
    grouped = weight.astype(np.float32).reshape(rows, inner // group, group)
    scales = np.maximum(np.abs(grouped).max(2), 1e-5) / 7.5
    scales = to_bfloat16(scales)
    codes = np.clip(np.rint(grouped / scales[..., None]), -8, 7) + 8
    return codes.reshape(rows, inner).astype(np.uint8), np.full(scales.shape, 8, np.uint8), scales


def to_bfloat16(values):
    import torch

    return torch.from_numpy(values.astype(np.float32)).bfloat16().float().numpy()


def dequantise(codes, zeros, scales):
    group = codes.shape[1] // scales.shape[1]
    steps = codes.astype(np.float32) - np.repeat(zeros.astype(np.float32), group, 1)
    return steps * np.repeat(scales.astype(np.float32), group, 1)


def pack_words(values, order=range(8)):
    """[A, B] values 0..15 -> int32 [A, B/8]; nibble p of a word is value order[p] of its eight."""
    eights = values.reshape(values.shape[0], -1, 8).astype(np.uint32)
    words = np.zeros(eights.shape[:2], np.uint32)
    for nibble, place in enumerate(order):
        words |= eights[:, :, place] << np.uint32(4 * nibble)
    return words.view(np.int32)


def gemm(codes, zeros, scales):
    """AutoAWQ "gemm": qweight [K, N/8], qzeros [K/g, N/8], scales [K/g, N]."""
    return {"qweight": pack_words(np.ascontiguousarray(codes.T), GEMM_ORDER),
            "qzeros": pack_words(np.ascontiguousarray(zeros.T), GEMM_ORDER),
            "scales": np.ascontiguousarray(scales.T).astype(np.float16)}


def zeros_width(inner, group):
    """Words of zeros per row in gemv and gemv_fast, padded for their kernels."""
    multiple = 1 if group >= 128 else 2 if group == 64 else 4
    words = -(-(inner // group) // 8)
    return -(-words // multiple) * multiple


def padded(values, columns):
    return np.pad(values, ((0, 0), (0, columns - values.shape[1])))


def gemv(codes, zeros, scales):
    """AutoAWQ "gemv": qweight [N, K/8] along K, qzeros [N, zw], scales [N, 8 zw]."""
    width = 8 * zeros_width(codes.shape[1], codes.shape[1] // scales.shape[1])
    return {"qweight": pack_words(codes), "qzeros": pack_words(padded(zeros, width)),
            "scales": padded(scales, width).astype(np.float16)}


def gemv_fast(codes, zeros, scales):
    """AutoAWQ "gemv_fast": qweight I16 [N/4, K], scales and qzeros F16 [8 zw, N] with qzeros = -scale * zero."""
    rows, inner = codes.shape
    n, k = np.meshgrid(np.arange(rows), np.arange(inner), indexing="ij")
    within = k % 32
    place = (k - within) + 8 * ((within >> 1) & 3) + 4 * (within & 1) + (within >> 3)
    flat = (n % 4) * 64 + place % 64
    words = np.zeros((rows // 4, inner), np.uint16)
    np.bitwise_or.at(words, (n // 4, 64 * (place // 64) + flat // 4),
                     codes.astype(np.uint16) << (4 * (flat % 4)).astype(np.uint16))
    width = 8 * zeros_width(inner, inner // scales.shape[1])
    offset = (-(scales.astype(np.float16).astype(np.float32) * zeros)).astype(np.float16)
    return {"qweight": words.view(np.int16), "scales": np.ascontiguousarray(padded(scales, width).T).astype(np.float16),
            "qzeros": np.ascontiguousarray(padded(offset, width).T)}


def dequantise_gemv_fast(codes, zeros, scales):
    """What gemv_fast means: code * scale + F16(-scale * zero)."""
    group = codes.shape[1] // scales.shape[1]
    offset = (-(scales * zeros)).astype(np.float16).astype(np.float32)
    return codes * np.repeat(scales, group, 1) + np.repeat(offset, group, 1)


def compressed_tensors(codes, zeros, scales, symmetric):
    """pack-quantized: weight_packed [N, K/8] along K, weight_zero_point [N/8, K/g] along N, scales as float32."""
    out = {"weight_packed": pack_words(codes), "weight_scale": scales,
           "weight_shape": np.array(codes.shape, np.int64)}
    if not symmetric:  # signed values with an offset of 8 are our unsigned codes
        out["weight_zero_point"] = np.ascontiguousarray(pack_words(np.ascontiguousarray(zeros.T)).T)
    return out
