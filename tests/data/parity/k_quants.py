"""Encoders of GGUF's K-quants: valid blocks near the weights. Their meaning is gguf.quants.dequantize, not this file.

Each takes [n, 256] float32 and gives [n, bytes] uint8, little endian, layouts as ggml's block_q2_K to block_q6_K.
"""

import numpy as np


def half(values):
    """[n] -> ([n, 2] bytes of F16, the float32 it holds); never 0."""
    rounded = np.maximum(values, 1e-6).astype("<f2")
    return rounded[:, None].view(np.uint8).reshape(-1, 2), rounded.astype(np.float32)


def with_minimum(x, sub, levels, steps):
    """Sub-blocks of `sub` as d * scale * q - dmin * minimum; scale and minimum in 0..steps, q in 0..levels.

    Returns (d bytes, dmin bytes, scales [n, 256/sub], minima, q [n, 256])."""
    parts = x.reshape(len(x), -1, sub)
    lowest = np.maximum(-parts.min(2), 0)
    width = np.maximum(parts.max(2) + lowest, 1e-8) / levels
    d_bytes, d = half(width.max(1) / steps)
    m_bytes, dmin = half(lowest.max(1) / steps)
    scales = np.clip(np.rint(width / d[:, None]), 1, steps).astype(np.uint8)
    minima = np.clip(np.rint(lowest / dmin[:, None]), 0, steps).astype(np.uint8)
    offset = dmin[:, None, None] * minima[..., None]
    codes = np.rint((parts + offset) / (d[:, None, None] * scales[..., None]))
    return d_bytes, m_bytes, scales, minima, np.clip(codes, 0, levels).astype(np.uint8).reshape(len(x), 256)


def symmetric(x, sub, half_range, steps):
    """Sub-blocks as d * scale * q with scale in -steps..steps and q in -half_range..half_range-1."""
    parts = x.reshape(len(x), -1, sub)
    peak = np.take_along_axis(parts, np.abs(parts).argmax(2)[..., None], 2)[..., 0]
    wanted = peak / -half_range
    d_bytes, d = half(np.abs(wanted).max(1) / steps)
    scales = np.clip(np.rint(wanted / d[:, None]), -steps, steps)
    step = np.where(scales == 0, 1e30, d[:, None] * scales)
    codes = np.clip(np.rint(parts / step[..., None]), -half_range, half_range - 1)
    return d_bytes, scales.astype(np.int8), codes.astype(np.int8).reshape(len(x), 256)


def two_bits(codes):
    """codes 0..3 [n, 256] -> [n, 64]: byte 32h + l holds the elements 128h + 32j + l at bits 2j."""
    parts = codes.reshape(-1, 2, 4, 32)
    return sum(parts[:, :, j] << (2 * j) for j in range(4)).astype(np.uint8).reshape(-1, 64)


def six_bit_pairs(scales, minima):
    """Eight scales and eight minima of 6 bits in 12 bytes."""
    out = np.zeros((len(scales), 12), np.uint8)
    out[:, :4] = scales[:, :4] | (scales[:, 4:] >> 4) << 6
    out[:, 4:8] = minima[:, :4] | (minima[:, 4:] >> 4) << 6
    out[:, 8:] = (scales[:, 4:] & 15) | (minima[:, 4:] & 15) << 4
    return out


def nibbles(codes):
    """codes [n, 256] -> [n, 128]: byte 32p + l holds the elements 64p + l and 64p + 32 + l."""
    parts = (codes & 15).reshape(-1, 4, 2, 32)
    return (parts[:, :, 0] | parts[:, :, 1] << 4).reshape(-1, 128)


def q2_k(x):
    d, dmin, scales, minima, codes = with_minimum(x, 16, 3, 15)
    return np.concatenate([scales | minima << 4, two_bits(codes), d, dmin], 1)


def q3_k(x):
    d, scales, codes = symmetric(x, 16, 4, 31)
    codes = (codes + 4).astype(np.uint8)  # the third bit set: 0..3, clear: -4..-1
    high = (codes >> 2).reshape(-1, 8, 32)
    mask = sum(high[:, bit] << bit for bit in range(8)).astype(np.uint8)
    scales = (scales + 32).astype(np.uint8)
    packed = np.zeros((len(x), 12), np.uint8)
    packed[:, :8] = (scales[:, :8] & 15) | (scales[:, 8:] & 15) << 4
    for k in range(16):
        packed[:, 8 + k % 4] |= (scales[:, k] >> 4) << (2 * (k // 4))
    return np.concatenate([mask, two_bits(codes & 3), packed, d], 1)


def q4_k(x):
    d, dmin, scales, minima, codes = with_minimum(x, 32, 15, 63)
    return np.concatenate([d, dmin, six_bit_pairs(scales, minima), nibbles(codes)], 1)


def q5_k(x):
    d, dmin, scales, minima, codes = with_minimum(x, 32, 31, 63)
    high = (codes >> 4).reshape(-1, 8, 32)
    bits = sum(high[:, bit] << bit for bit in range(8)).astype(np.uint8)
    return np.concatenate([d, dmin, six_bit_pairs(scales, minima), bits, nibbles(codes)], 1)


def q6_k(x):
    d, scales, codes = symmetric(x, 16, 32, 127)
    codes = (codes + 32).astype(np.uint8)
    low = (codes & 15).reshape(-1, 2, 2, 2, 32)  # [n, h, j >> 1, j & 1, l]
    low = (low[:, :, 0] | low[:, :, 1] << 4).reshape(-1, 128)
    return np.concatenate([low, two_bits(codes >> 4), scales.view(np.uint8), d], 1)


ENCODERS = {"Q2_K": q2_k, "Q3_K": q3_k, "Q4_K": q4_k, "Q5_K": q5_k, "Q6_K": q6_k}


def encode(weight, kind):
    """[rows, K] float32 -> [rows, bytes of a row] uint8."""
    return ENCODERS[kind](weight.reshape(-1, 256).astype(np.float32)).reshape(len(weight), -1)
