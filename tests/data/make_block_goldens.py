#!/usr/bin/env python3
"""Writes block_goldens.bin: random blocks of ggml's types and what they are worth, by the gguf Python package
(gguf.quants.dequantize), which shares no code with this project.

usage: make_block_goldens.py OUT      (needs numpy and gguf 0.17 or later)

Format, little endian: char[8] "ECBLOCK1", u32 number of types; for each type char[8] name (NUL padded), u32 blocks,
u32 bytes of a block, u32 elements of a block, the blocks' bytes, the values as f32.
"""
import struct
import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Where each type keeps its fp16 scales.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}

# Finite fp16 bit patterns: ordinary, negative, zeros, subnormals, and the largest of either sign.
HALVES = [0x2E66, 0xAE66, 0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF, 0x0400, 0x3C00]


def blocks_of(name, random):
    elements, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    blocks = random.integers(0, 256, (len(HALVES) + 2, size), dtype=np.uint8)
    blocks[-2, :] = 0xFF  # all quants and sub-scales at their largest
    blocks[-1, :] = 0x80
    for row in range(len(blocks)):
        for place, at in enumerate(SCALES[name]):
            bits = HALVES[(row + 3 * place) % len(HALVES)] if row < len(HALVES) else 0x3555
            blocks[row, at:at + 2] = [bits & 255, bits >> 8]
    values = dequantize(blocks, GGMLQuantizationType[name]).astype("<f4").reshape(len(blocks), elements)
    assert np.isfinite(values).all(), name
    return blocks, values


def main():
    random = np.random.default_rng(4)
    with open(sys.argv[1], "wb") as out:
        out.write(b"ECBLOCK1" + struct.pack("<I", len(SCALES)))
        for name in SCALES:
            blocks, values = blocks_of(name, random)
            out.write(name.encode().ljust(8, b"\0"))
            out.write(struct.pack("<III", len(blocks), blocks.shape[1], values.shape[1]))
            out.write(blocks.tobytes() + values.tobytes())


main()
