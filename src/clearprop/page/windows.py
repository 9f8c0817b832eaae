"""The page that steps through a convolution: one window after the other, forward and backward.

At each step the window on the image is marked, with the products of its pixels and the filter and
their sum; on the way back, what one derivative sends to the pixels of its window and to the filter.
"""

import json
from html import escape
from typing import Any

import numpy as np

from clearprop.drawing.theme import COLOURS, FONT
from clearprop.errors import ConfigError, ShapeError
from clearprop.layers import Convolution
from clearprop.page.words import LANGUAGE_NAMES
from clearprop.page.writing import asset, hash_of

MOST = 100
"""So many windows are stepped through."""


def windows_page(
    layer: Convolution, x: Any, dout: Any = None, *, language: str = "en", title: str = ""
) -> str:
    """Write the page of one filter on one image: of the first of each, and of the first channel.

    `x` is the image (H, W), or images (N, C, H, W) as the layer takes them; `dout` what comes back
    from upstream, 1 at every place by default. Every number of the image, the filter and `dout` can
    be changed in the page.

    Errors: `ConfigError` for a language, `ShapeError` for an image that does not fit, or of more
    than 100 windows.

    >>> conv = Convolution(W=np.array([[[[1.0, 0.0], [0.0, -1.0]]]]), b=np.array([0.5]))
    >>> page = windows_page(conv, np.arange(9.0).reshape(3, 3))
    >>> page.startswith("<!doctype html>")
    True
    """
    if language not in LANGUAGE_NAMES:
        raise ConfigError(f"language={language!r}: {', '.join(LANGUAGE_NAMES)} are known")
    image = np.asarray(x, np.float64)
    image = image if image.ndim == 2 else image[0, 0]
    W = np.asarray(layer.W, np.float64)[0, 0]
    b = 0.0 if layer.b is None else float(np.asarray(layer.b)[0])
    alone = Convolution(W[None, None], np.array([b]), layer.stride, layer.pad)
    out = alone.forward(image[None, None])[0, 0]
    if out.size > MOST:
        raise ShapeError(f"{out.size} windows are too many to step through; give a smaller image")
    dout = np.ones(out.shape) if dout is None else np.asarray(dout, np.float64).reshape(out.shape)
    pair = [v if isinstance(v, tuple) else (v, v) for v in (layer.stride, layer.pad)]
    data = {
        "language": language,
        "languages": LANGUAGE_NAMES,
        "words": WORDS,
        "x": image.tolist(),
        "W": W.tolist(),
        "b": b,
        "dout": dout.tolist(),
        "stride": pair[0],
        "pad": pair[1],
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    css = f":root {{ --font: {FONT}; {_colours(False)} }}\n" + (
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_colours(True)} }} }}\n"
    )
    css += asset("windows.css")
    script = "\n".join(('"use strict";', "{", asset("numbers.js"), asset("windows.js"), "}"))
    policy = (
        f"default-src 'none'; script-src '{hash_of(script)}'; style-src '{hash_of(css)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escape(title or WORDS[language]["title"])}</title>
<style>{css}</style>
</head>
<body>
<header><h1 data-word="title"></h1><label><span class="sr" data-word="language"></span><select
 id="language"></select></label></header>
<div class="controls"><button type="button" id="first" data-label="first">|◀</button>
<button type="button" id="back" data-label="back">◀</button>
<button type="button" id="next" class="main"><span data-word="next"></span> ▶</button>
<button type="button" id="last" data-label="last">▶|</button>
<button type="button" id="play"></button>
<input type="range" id="slider" min="0" step="1" value="0" data-label="slider">
<span id="count"></span></div>
<main><div class="boards" id="boards"></div>
<section id="said" aria-live="polite" aria-atomic="true"></section></main>
<footer><p data-word="hint"></p></footer>
<script type="application/json" id="data">{text}</script>
<script>{script}</script>
</body>
</html>
"""


def _colours(dark: bool) -> str:
    return " ".join(f"--{role}: {pair[dark]};" for role, pair in COLOURS.items())


_SAID = {
    "title": ("A convolution, window by window", "逐个窗口看卷积", "畳み込みを窓ごとに"),
    "language": ("Language", "语言", "言語"),
    "first": ("To the start", "回到开头", "最初へ"),
    "back": ("Back", "后退", "戻る"),
    "next": ("Next", "前进", "進む"),
    "last": ("To the end", "跳到结尾", "最後へ"),
    "play": ("Play", "播放", "再生"),
    "pause": ("Pause", "暂停", "一時停止"),
    "slider": ("Steps of both passes", "正向与反向的全部步骤", "順伝播と逆伝播の全ステップ"),
    "step_of": ("Step {i} of {n}", "第 {i} 步，共 {n} 步", "{n} ステップ中 {i}"),
    "forward": ("Forward", "正向", "順伝播"),
    "backward": ("Backward", "反向", "逆伝播"),
    "image": ("image x", "图像 x", "画像 x"),
    "filter": ("filter W", "滤波器 W", "フィルター W"),
    "result": ("result out", "结果 out", "結果 out"),
    "upstream": ("from upstream, dout", "来自上游的 dout", "上流から dout"),
    "to_image": ("to the image, dx", "传给图像的 dx", "画像へ dx"),
    "to_filter": ("to the filter, dW", "传给滤波器的 dW", "フィルターへ dW"),
    "row": ("row {i} of col: the window laid flat", "col 的第 {i} 行：把窗口摊平",
            "col の {i} 行目：窓を一列に"),
    "start": (
        "The filter slides over the image. At each place it covers a window; each pixel of the "
        "window is multiplied by the number of the filter that lies on it, and the products are "
        "added, with the bias b = {b}.",
        "滤波器在图像上滑动。每到一处就盖住一个窗口，窗口里的每个像素乘以盖在它上面的滤波器的数，"
        "再把乘积加起来，并加上偏置 b = {b}。",
        "フィルターが画像の上を滑ります。各場所で窓を覆い、窓の画素それぞれに、重なっているフィルター"
        "の数を掛け、積を足し合わせ、バイアス b = {b} を加えます。",
    ),
    "turn": (
        "All windows are done. Now back: at each place a derivative dout comes from upstream. The "
        "result there was a sum of products, so it sends dout times the filter to the pixels of "
        "its window, dout times the window to the filter, and dout to the bias.",
        "所有窗口都算完了。现在往回走：每个位置从上游传来一个导数 dout。那里的结果是乘积之和，"
        "所以它把 dout 乘以滤波器传给窗口里的像素，把 dout 乘以窗口传给滤波器，把 dout 传给偏置。",
        "すべての窓が終わりました。ここから戻ります。各場所には上流から微分 dout が来ます。"
        "そこの結果は積の和なので、窓の画素へは dout とフィルターの積、"
        "フィルターへは dout と窓の積、バイアスへは dout を送ります。",
    ),
    "adds": (
        "A pixel that lies in several windows gets something from each; it is added up. db is now "
        "{db}.",
        "落在几个窗口里的像素从每个窗口都得到一份，全部加起来。db 现在是 {db}。",
        "いくつもの窓に入っている画素は、それぞれから受け取ったものを足し合わせます。"
        "db は今 {db} です。",
    ),
    "padding": (
        "Pale cells are the padding: zeros around the image; what comes back to them is dropped.",
        "浅色的格子是填充：图像周围的 0；传回给它们的导数被丢弃。",
        "薄い色のマスはパディング、つまり画像の周りの 0 です。そこへ戻るものは捨てられます。",
    ),
    "end": (
        "Both passes are done. dx, dW and db are the derivatives of Σ dout · out.",
        "两次传播都完成了。dx、dW 和 db 是 Σ dout · out 的导数。",
        "二つの伝播が終わりました。dx、dW、db は Σ dout · out の微分です。",
    ),
    "hint": (
        "Every number of the image, the filter and dout can be changed: click it and type. "
        "Keys: ← → Home End, space plays.",
        "图像、滤波器和 dout 里的每个数都可以改：点击后输入。按键：← → Home End，空格播放。",
        "画像、フィルター、dout の数はどれも変えられます。クリックして入力してください。"
        "キー：← → Home End、スペースで再生。",
    ),
}  # fmt: skip

WORDS = {c: {key: said[i] for key, said in _SAID.items()} for i, c in enumerate(LANGUAGE_NAMES)}
