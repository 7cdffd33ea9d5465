"""Starts the native window on a virtual display, waits until it has drawn its first page, and photographs it.

`python window.py PROGRAM [PICTURE.png]`. Needs Xvfb and a Vulkan adapter. The program gets a home of its own, so that it begins as
on a first visit: with the sample project. Ends with `1 passed, 0 failed` or with what was wrong.
"""

import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

# As large as the window opens.
WIDTH, HEIGHT = 1200, 820
# Seconds: a software adapter compiles for a while before the first frame.
PATIENCE = 90
# A drawn page with its rail, headings, cards and a curve has hundreds; an empty window has one.
COLOURS = 60


def picture(dump: Path):
    """Rows of (R, G, B) bytes from Xvfb's frame buffer, an X window dump of 32 bits a pixel."""
    data = dump.read_bytes()
    header = struct.unpack(">25I", data[:100])
    header_size, width, height, stride, colours = header[0], header[4], header[5], header[12], header[19]
    start = header_size + 12 * colours
    rows = []
    for row in range(height):
        line = data[start + row * stride : start + row * stride + 4 * width]
        pixels = bytearray(3 * width)
        pixels[0::3], pixels[1::3], pixels[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(pixels))
    return rows


def png(rows):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def colours(rows):
    return len({row[at : at + 3] for row in rows[::2] for at in range(0, len(row), 6)})


def photograph(program, folder: Path, arguments=()):
    """Rows of the screen, and what went wrong, if anything did."""
    display = f":{90 + os.getpid() % 900}"
    screen = ["Xvfb", display, "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", str(folder), "-nolisten", "tcp"]
    with open(folder / "xvfb.log", "wb") as log:
        server = subprocess.Popen(screen, stdout=log, stderr=log)
    home = folder / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "WAYLAND"))}
    surroundings = {**kept, "HOME": str(home), "DISPLAY": display}
    window = None
    try:
        time.sleep(1)
        with open(folder / "window.log", "wb") as log:
            window = subprocess.Popen([program, *arguments], env=surroundings, stdout=log, stderr=log)
        rows, until = None, time.monotonic() + PATIENCE
        while time.monotonic() < until:
            time.sleep(1)
            if window.poll() is not None:
                said = (folder / "window.log").read_text(errors="replace")
                return None, f"the window ended with {window.returncode}: {said}"
            before, rows = rows, picture(folder / "Xvfb_screen0")
            # Drawn, and still for a second: the sample has been opened.
            if colours(rows) >= COLOURS and rows == before:
                return rows, None
        return rows, f"after {PATIENCE} s the screen has {colours(rows) if rows else 0} colours"
    finally:
        for process in (window, server):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        rows, problem = photograph(program, Path(folder))
    if rows and len(sys.argv) > 2:
        Path(sys.argv[2]).write_bytes(png(rows))
    if problem:
        print(f"not ok: {problem}")
    else:
        print(f"ok: the window draws {colours(rows)} colours")
    print("0 passed, 1 failed" if problem else "1 passed, 0 failed")
    sys.exit(1 if problem else 0)


if __name__ == "__main__":
    main()
