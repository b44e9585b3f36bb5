#!/usr/bin/env python3
"""Writes the texts in an R package's data, without R: rdb_texts.py Rdata.rdb PREFIX.

Each object of the database becomes PREFIX0.txt, PREFIX1.txt, ... with its strings as lines, and the first of them is
printed. Knows no more of R's format than where strings are: enough for packages of novels such as janeaustenr.
"""

import struct
import sys
import zlib

LONGEST = 400  # bytes of a line


def objects(data):
    """Of a lazy-load database: big-endian length, zlib stream, and again."""
    place = 0
    while place < len(data):
        stream = zlib.decompressobj()
        yield stream.decompress(data[place + 4:])
        place = len(data) - len(stream.unused_data)


def strings(raw):
    """CHARSXP: flags that end with 9 and begin with 0, length, bytes."""
    place = 0
    while place < len(raw) - 8:
        length = struct.unpack(">I", raw[place + 4:place + 8])[0]
        if raw[place] == 0 and raw[place + 1] in (0, 2, 4, 6) and raw[place + 3] == 9 and length < LONGEST:
            yield raw[place + 8:place + 8 + length].decode("utf-8", "replace")
            place += 8 + length
        else:
            place += 1


def main():
    path, prefix = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    for number, raw in enumerate(objects(data)):
        lines = list(strings(raw))
        with open(f"{prefix}{number}.txt", "w", encoding="utf-8") as out:
            out.write("\n".join(lines))
        print(f"{prefix}{number}.txt: {len(lines)} lines, {' / '.join(line for line in lines[:20] if line)[:60]}")


if __name__ == "__main__":
    main()
