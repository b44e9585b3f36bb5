#!/usr/bin/env python3
"""Exit 0 if a window could be opened: a Wayland socket accepts, or an X server answers a connection set-up.

DISPLAY alone says little: it may point to a screen that is gone, or to one that this user may not use.
"""

import os
import socket
import struct
import sys


def wayland():
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name:
        return False
    path = os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), name)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(3)
            server.connect(path)
            return True
    except OSError:
        return False


def cookie(number):
    """The MIT-MAGIC-COOKIE-1 for display `number` in the X authority file, or b''."""
    path = os.environ.get("XAUTHORITY") or os.path.expanduser("~/.Xauthority")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return b""
    at = 0
    while at + 2 <= len(data):
        at += 2  # address family
        fields = []
        for _ in range(4):  # address, display number, protocol name, protocol data
            size = int.from_bytes(data[at:at + 2], "big")
            fields.append(data[at + 2:at + 2 + size])
            at += 2 + size
        if fields[2] == b"MIT-MAGIC-COOKIE-1" and fields[1] in (b"", number.encode()):
            return fields[3]
    return b""


def x11():
    host, _, rest = os.environ.get("DISPLAY", "").rpartition(":")
    number = rest.split(".")[0]
    if not number.isdigit():
        return False
    name, data = b"MIT-MAGIC-COOKIE-1", cookie(number)
    if not data:
        name = b""
    setup = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(data))
    setup += name + b"\0" * (-len(name) % 4) + data + b"\0" * (-len(data) % 4)
    if host in ("", "unix"):
        places = [(socket.AF_UNIX, f"\0/tmp/.X11-unix/X{number}"), (socket.AF_UNIX, f"/tmp/.X11-unix/X{number}")]
    else:
        places = [(socket.AF_INET, (host, 6000 + int(number)))]
    for family, address in places:
        try:
            with socket.socket(family) as server:
                server.settimeout(3)
                server.connect(address)
                server.sendall(setup)
                return server.recv(1) == b"\1"  # 1: accepted
        except OSError:
            continue
    return False


sys.exit(0 if wayland() or x11() else 1)
