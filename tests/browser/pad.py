"""Digits sent through the drawing pad of a playing page: as pictures, and as strokes of a pen."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np

BEGUN = ("waitFor", "document.getElementById('layers').children.length > 0")
HOOK = """(() => {
  window.got = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...more) {
    if (message.kind === "read" && message.sample) got.push(message.sample);
    return post.call(this, message, ...more);
  };
  window.taken = async () => {
    got.length = 0;
    while (!got.length) await new Promise((resume) => requestAnimationFrame(resume));
    return Uint8Array.from(got.at(-1), (v) => Math.round(255 * v));
  };
  window.text = (all) => {
    let said = "";
    for (const one of all) for (const v of one) said += String.fromCharCode(v);
    return btoa(said);
  };
})()"""
PICTURES = """(async () => {
  const bytes = Uint8Array.from(atob(%s), (c) => c.charCodeAt(0)), all = [];
  const pad = document.getElementById("pad"), pen = pad.getContext("2d");
  const small = document.createElement("canvas"), brush = small.getContext("2d");
  small.width = small.height = 28;
  document.getElementById("clear").click();
  for (let k = 0; k < bytes.length; k += 784) {
    const image = new ImageData(28, 28);
    for (let i = 0; i < 784; i++) image.data.set([255, 255, 255, bytes[k + i]], 4 * i);
    brush.putImageData(image, 0, 0);
    pen.clearRect(0, 0, 280, 280);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(small, %s);
    pad.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", shiftKey: true }));
    all.push(await taken());
  }
  return text(all);
})()"""
STROKES = """(async () => {
  const pad = document.getElementById("pad"), all = [];
  pad.setPointerCapture = () => {};
  for (const lines of %s) {
    document.getElementById("clear").click();
    const box = pad.getBoundingClientRect();
    const send = (kind, x, y) => pad.dispatchEvent(new PointerEvent(kind,
      { clientX: box.x + x * box.width, clientY: box.y + y * box.height, pointerId: 1 }));
    for (const [a, b, c, d] of lines) {
      send("pointerdown", a, b);
      send("pointermove", c, d);
      send("pointerup", c, d);
    }
    all.push(await taken());
  }
  return text(all);
})()"""


def through(browser: Any, page: Path, script: str) -> np.ndarray:
    """What the page makes of digits on its pad, (N, 784)."""
    said = browser.visit(page, BEGUN, ("eval", HOOK), ("eval", script)).results[-1]
    return np.frombuffer(b64decode(said), np.uint8).reshape(-1, 784) / np.float32(255)


def strokes(image: np.ndarray) -> list[list[float]]:
    """A digit (28, 28) as lines from point to point, where a pen would have gone.

    It is enlarged, thinned to lines of one pixel (Zhang and Suen, 1984), and these made smooth.
    """
    large = np.pad(np.kron(image, np.ones((2, 2))), 1, mode="edge")
    middle = large[1:-1, 1:-1]
    around = large[:-2, 1:-1] + large[2:, 1:-1] + large[1:-1, :-2] + large[1:-1, 2:]
    points = set(map(tuple, np.argwhere(thin((around + 2 * middle) / 6 > 0.45)).tolist()))
    near: dict[Any, list[Any]] = {p: [] for p in points}
    lines = []
    for y, x in points:
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
            corner = dy and dx and {(y + dy, x), (y, x + dx)} & points
            if (y + dy, x + dx) in points and not corner:
                lines.append(((y, x), (y + dy, x + dx)))
                near[y, x].append((y + dy, x + dx))
                near[y + dy, x + dx].append((y, x))
    at = {p: np.array([p[1] + 0.5, p[0] + 0.5]) / 56 for p in points}
    for _ in range(2):
        at = {
            p: at[p] if len(n) < 2 else (at[p] + sum(at[q] for q in n) / len(n)) / 2
            for p, n in near.items()
        }
    ends = lines or [(p, p) for p in points]
    return [[*at[p].round(4).tolist(), *at[q].round(4).tolist()] for p, q in ends]


def thin(ink: np.ndarray) -> np.ndarray:
    """Pixels at the border taken away until only lines are left."""
    while True:
        before = ink.copy()
        for first in (True, False):
            q = np.pad(ink, 1).astype(int)
            ring = [q[:-2, 1:-1], q[:-2, 2:], q[1:-1, 2:], q[2:, 2:]]
            ring += [q[2:, 1:-1], q[2:, :-2], q[1:-1, :-2], q[:-2, :-2]]
            begins = sum((ring[i] == 0) & (ring[(i + 1) % 8] == 1) for i in range(8))
            north, east, south, west = ring[::2]
            one = north * east * south if first else north * east * west
            two = east * south * west if first else north * south * west
            many = sum(ring)
            ink = ink & ~((many >= 2) & (many <= 6) & (begins == 1) & (one == 0) & (two == 0))
        if np.array_equal(ink, before):
            return ink
