"""Reads the machine code of a cubin with nothing but its bytes: which kernels, which instructions, which loops.

A cubin is an ELF file with a section .text.<kernel> each. From sm_70 on an instruction has 16 bytes, little endian: the
opcode in bits 0 to 11, its predicate in bits 12 to 15.
"""

import struct
from dataclasses import dataclass

INSTRUCTION = 16
BRANCH = 0x947  # BRA
TENSOR = 0x23C  # HMMA, of every fp16 shape
GLOBAL_LOADS = {0x381, 0x981}  # LDG, with its base in a register or a uniform one


@dataclass(frozen=True)
class Loop:
    """Instructions [first, last] of a kernel; the last one branches back to the first."""

    first: int
    last: int


def sections(cubin):
    """(name, type, bytes) of every section."""
    if cubin[:4] != b"\x7fELF" or cubin[4] != 2:
        raise ValueError("not a 64-bit ELF file")
    table, = struct.unpack_from("<Q", cubin, 0x28)
    size, count, names = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, table + size * i) for i in range(count)]
    names_at = headers[names][4]
    for name, kind, _, _, at, length in headers:
        start = names_at + name
        yield cubin[start:cubin.index(b"\0", start)].decode(), kind, cubin[at:at + length]


def kernels(cubin):
    """Mangled name -> [instruction as a number of 128 bits]."""
    return {
        name[len(".text."):]: [int.from_bytes(code[i:i + INSTRUCTION], "little")
                               for i in range(0, len(code), INSTRUCTION)]
        for name, _, code in sections(cubin) if name.startswith(".text.")
    }


def opcode(instruction):
    return instruction & 0xFFF


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def branch_target(instructions, index, architecture):
    """The instruction that the branch at `index` goes to. Its distance counts from the instruction after it: to sm_8x in
    bytes in bits 32 to 81, from sm_90 on in words of four bytes, of which bits 16 to 23 are the low part and bits 34 to
    81 the high one."""
    word = instructions[index]
    if architecture < 90:
        distance = signed(word >> 32 & (1 << 50) - 1, 50)
    else:
        distance = 4 * (signed(word >> 34 & (1 << 48) - 1, 48) << 8 | word >> 16 & 0xFF)
    if distance % INSTRUCTION:
        raise ValueError(f"a branch of {distance} bytes")
    return index + 1 + distance // INSTRUCTION


def loops(instructions, architecture):
    """Every branch backwards but the one to itself that follows a kernel's end."""
    found = []
    for index, word in enumerate(instructions):
        if opcode(word) == BRANCH:
            target = branch_target(instructions, index, architecture)
            if not 0 <= target < len(instructions):
                raise ValueError(f"a branch from {index} to {target} of {len(instructions)} instructions")
            if target < index:
                found.append(Loop(target, index))
    return found


def count(instructions, loop, opcodes):
    return sum(opcode(word) in opcodes for word in instructions[loop.first:loop.last + 1])


def innermost(found):
    return [loop for loop in found
            if not any(loop.first <= other.first and other.last <= loop.last for other in found if other != loop)]


def tensor_loop(instructions, architecture):
    """The innermost loop with the most tensor-core products that loads from global memory too; None without one."""
    fitting = [loop for loop in innermost(loops(instructions, architecture))
               if count(instructions, loop, {TENSOR}) and count(instructions, loop, GLOBAL_LOADS)]
    return max(fitting, key=lambda loop: count(instructions, loop, {TENSOR}), default=None)
