# SPDX-License-Identifier: Apache-2.0
"""ResNet-50, GPT-2 and Llama as programs: all their nodes and shapes, batch one, no weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.opml.builder import Builder
from verifiers.opml.compiler.emit.geometry import NO_AXIS, counting
from verifiers.opml.program import Code, Node, Op

# The most that a reduction takes in one node: 128 blocks of 32.
LANES = 4096


class Shape(NamedTuple):
    """An architecture; ``layers`` names nodes."""

    name: str
    nodes: list[Node]
    layers: dict[int, str]
    input_bytes: int
    weights_bytes: int


@dataclass(frozen=True)
class Text:
    """A decoder over ``length`` tokens that answers the likeliest next one at each."""

    name: str
    layers: int
    heads: int
    width: int
    hidden: int
    length: int
    vocabulary: int
    gated: bool = False


GPT2 = Text("GPT-2, 124M", 12, 12, 768, 3072, 1024, 50_257)
GPT2_XL = Text("GPT-2 XL, 1.5B", 48, 25, 1600, 6400, 1024, 50_257)
LLAMA = Text("Llama 7B", 32, 32, 4096, 11_008, 2048, 32_000, gated=True)


def resnet50() -> Shape:
    """224x224 pixels, bottleneck blocks, 1,000 classes."""
    b = Builder()
    x = b.conv(-1, (224, 3), 64, 7, "conv 7x7, 3 channels", 2)
    x = b.pool(x, (112, 64), 3, 2)
    size, channels = 56, 64
    for stage, repeats in enumerate((3, 4, 6, 3)):
        for i in range(repeats):
            stride = 2 if stage and not i else 1
            x, size, channels = _bottleneck(b, x, size, channels, 64 << stage, stride, not i)
    x = b.move(x, (1, channels, size * size), (0, 1, channels))
    x = b.reduce(Op.SUM, x, channels, size * size, code=Code.U8)
    b.dense(x, 1, channels, 1000, "classes", Code.U16)
    return _shape("ResNet-50", b, 224 * 224 * 3)


def _bottleneck(
    b: Builder, x: int, size: int, channels: int, inner: int, stride: int, widen: bool
) -> tuple[int, int, int]:
    out, made = 4 * inner, size // stride
    y = b.conv(x, (size, channels), inner, 1)
    y = b.conv(y, (size, inner), inner, 3, f"conv 3x3, {inner} channels", stride)
    y = b.conv(y, (made, inner), out, 1, f"conv 1x1, {inner} channels")
    if widen:
        x = b.conv(x, (size, channels), out, 1, "", stride)
    return b.pair(Op.ADD, x, y, made * made, out), made, out


def text(model: Text) -> Shape:
    """Node by node as the compiler takes LayerNorm, Softmax and the rest apart."""
    b, norm = Builder(), _root_norm if model.gated else _layer_norm
    x = b.embed(model.length, model.vocabulary, model.width)
    if not model.gated:
        x = b.with_constant(Op.ADD, x, "positions", model.length, model.width)
    for _ in range(model.layers):
        y = _attention(b, norm(b, x, model.length, model.width), model)
        x = b.pair(Op.ADD, x, y, model.length, model.width)
        y = _expansion(b, norm(b, x, model.length, model.width), model)
        x = b.pair(Op.ADD, x, y, model.length, model.width)
    _greedy(b, norm(b, x, model.length, model.width), model)
    return _shape(model.name, b, 2 * model.length)


def _layer_norm(b: Builder, x: int, rows: int, width: int) -> int:
    total = b.reduce(Op.SUM, x, rows, width, "sum of a row")
    squares = b.inner(x, rows, width, "squares of a row")
    squared = b.pair(Op.MUL, total, total, 1, rows, Code.I64)
    variance = b.pair(Op.ADD, squares, squared, 1, rows, Code.I64)
    root = b.each(Op.SQRT, variance, rows, Code.I32)
    inverse = b.each(Op.DIV, root, rows, Code.I32)
    mean = b.each(Op.MOVE, total, rows, Code.I32)
    centred = b.pair(Op.ADD, x, mean, rows, width, Code.I32, spread=True)
    normal = b.pair(Op.MUL, centred, inverse, rows, width, Code.I32, spread=True)
    return b.scaled(normal, rows, width)


def _root_norm(b: Builder, x: int, rows: int, width: int) -> int:
    squares = b.inner(x, rows, width, "squares of a row")
    root = b.each(Op.SQRT, squares, rows, Code.I32)
    inverse = b.each(Op.DIV, root, rows, Code.I32)
    normal = b.pair(Op.MUL, x, inverse, rows, width, Code.I32, spread=True)
    return b.scaled(normal, rows, width)


def _attention(b: Builder, x: int, model: Text) -> int:
    heads, rows, width = model.heads, model.length, model.width
    lanes, scores = width // heads, heads * rows
    q, k, v = (b.dense(x, rows, width, width, "projections") for _ in range(3))
    if model.gated:
        q, k = (_rotated(b, part, rows, width) for part in (q, k))
    y = b.product(q, k, (heads, rows, rows), lanes, (lanes, width), (lanes, width), "scores")
    y = b.with_constant(Op.ADD, y, "mask", rows, rows, heads)
    y = _softmax(b, y, scores, rows)
    turned = b.move(v, (heads, lanes, rows), (lanes, 1, width))
    y = b.product(
        y, turned, (heads, rows, lanes), rows, (rows * rows, rows), (lanes * rows, rows), "context"
    )
    y = b.move(y, (rows, heads, lanes), (lanes, rows * lanes, 1))
    return b.dense(y, rows, width, width, "projections")


def _rotated(b: Builder, x: int, rows: int, width: int) -> int:
    """Rotary positions: times a cosine, plus the turned half times a sine."""
    turned = b.move(x, (rows, 2, width // 2), (width, width // 2, 1))
    x = b.with_constant(Op.MUL, x, "cosines", rows, width)
    y = b.with_constant(Op.MUL, turned, "sines", rows, width)
    return b.pair(Op.ADD, x, y, rows, width)


def _softmax(b: Builder, x: int, rows: int, width: int) -> int:
    most = b.reduce(Op.MAX, x, rows, width, "greatest of a row", Code.U8)
    below = b.pair(Op.ADD, x, most, rows, width, Code.U16, spread=True)
    raised = b.table(below, rows * width, Code.U16)
    total = b.reduce(Op.SUM, raised, rows, width, "sum of a softmax")
    return b.pair(Op.DIV, raised, total, rows, width, spread=True)


def _expansion(b: Builder, x: int, model: Text) -> int:
    rows, width, hidden = model.length, model.width, model.hidden
    up = f"up to {hidden}"
    y = b.table(b.dense(x, rows, width, hidden, up), rows * hidden)
    if model.gated:
        y = b.pair(Op.MUL, y, b.dense(x, rows, width, hidden, up), rows, hidden)
    return b.dense(y, rows, hidden, width, f"down from {hidden}")


def _greedy(b: Builder, x: int, model: Text) -> None:
    """The likeliest token at each place, by segments of the vocabulary."""
    segments = -(-model.vocabulary // LANES)
    rows = model.length * segments
    y = b.dense(x, model.length, model.width, segments * LANES, "vocabulary", Code.U16)
    most = b.reduce(Op.MAX, y, rows, LANES, "", Code.U16)
    place = b.reduce(Op.ARGMAX, y, rows, LANES, "likeliest of a segment", Code.U16)
    segment = b.reduce(Op.ARGMAX, most, model.length, segments, "", Code.U16)
    chosen = b.of(place, (NO_AXIS, NO_AXIS, NO_AXIS, counting(model.length, segments)))
    a = b.of(segment, (NO_AXIS, NO_AXIS, NO_AXIS, counting(model.length, 1)))
    shape = 1, 1, 1, model.length
    y = b.add(
        Node(Op.GATHER, Code.U16, shape=shape, rows=segments, gstride=1, hi=LANES, a=a, b=chosen)
    )
    b.pair(Op.ADD, y, segment, 1, model.length, Code.U16)


def _shape(name: str, b: Builder, input_bytes: int) -> Shape:
    return Shape(name, b.nodes, b.names, input_bytes, b.weights_bytes)


SHAPES: tuple[Callable[[], Shape], ...] = (
    resnet50,
    lambda: text(GPT2),
    lambda: text(GPT2_XL),
    lambda: text(LLAMA),
)
