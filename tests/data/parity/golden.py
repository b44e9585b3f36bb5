"""The golden files: what transformers computes in fp32 for one text.

    char[8]   "ECPARIT1"
    u32       T: tokens
    u32       V: vocabulary
    u32       R: positions whose logits are kept whole
    i32[T]    token ids, one sequence from position 0
    i32[R]    those positions, rising; the last is T-1
    i32[T]    argmax over the vocabulary at each position (what the model predicts after tokens 0..t)
    f32[T]    the largest logit
    f32[T]    its distance to the second largest
    f32[T]    logsumexp, natural log
    f32[R*V]  logits of the kept positions

Little endian, no padding.
"""

import struct

import numpy as np

KEPT_POSITIONS = 24


def kept_positions(count):
    return np.unique(np.linspace(0, count - 1, KEPT_POSITIONS).round().astype(np.int32))


def write_golden(path, ids, logits):
    """ids [T], logits [T, V] float32."""
    count, vocab = logits.shape
    kept = kept_positions(count)
    best = np.sort(logits, axis=1)[:, -2:]
    wide = logits.astype(np.float64)
    peak = wide.max(1)
    logsumexp = peak + np.log(np.exp(wide - peak[:, None]).sum(1))
    with open(path, "wb") as file:
        file.write(b"ECPARIT1" + struct.pack("<3I", count, vocab, len(kept)))
        file.write(np.asarray(ids, "<i4").tobytes() + kept.astype("<i4").tobytes())
        file.write(logits.argmax(1).astype("<i4").tobytes())
        file.write(best[:, 1].astype("<f4").tobytes() + (best[:, 1] - best[:, 0]).astype("<f4").tobytes())
        file.write(logsumexp.astype("<f4").tobytes())
        file.write(logits[kept].astype("<f4").tobytes())


def read_golden(path):
    """dict: ids [T], positions [R], argmax, best, gap, logsumexp [T], logits [R, V]."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"ECPARIT1":
        raise ValueError(f"{path}: not a golden file")
    count, vocab, kept = struct.unpack_from("<3I", data, 8)
    offset = 20

    def take(kind, number):
        nonlocal offset
        values = np.frombuffer(data, kind, number, offset)
        offset += 4 * number
        return values

    out = {"ids": take("<i4", count), "positions": take("<i4", kept), "argmax": take("<i4", count),
           "best": take("<f4", count), "gap": take("<f4", count), "logsumexp": take("<f4", count)}
    out["logits"] = take("<f4", kept * vocab).reshape(kept, vocab)
    if offset != len(data):
        raise ValueError(f"{path}: {len(data)} bytes, expected {offset}")
    return out
