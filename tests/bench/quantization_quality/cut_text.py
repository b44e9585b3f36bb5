#!/usr/bin/env python3
"""Writes a part of a text to stdout, cut at tokens: cut_text.py CLI MODEL FILE FIRST LAST."""

import json
import sys

from windows import run


def main():
    cli, model, path, first, last = sys.argv[1:]
    with open(path, "rb") as file:
        ids = json.loads(run([cli, "tokenize", model], file.read()))
    if len(ids) < int(last):
        raise SystemExit(f"{path}: {len(ids)} tokens, expected {last} or more")
    sys.stdout.buffer.write(run([cli, "detokenize", model], json.dumps(ids[int(first):int(last)]).encode()))


if __name__ == "__main__":
    main()
