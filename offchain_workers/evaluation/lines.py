# SPDX-License-Identifier: Apache-2.0
"""Lines of text as pictures, from glyphs of DejaVu fonts (data/glyphs.npz), some upside down.

The archive holds 94 printable ASCII characters of three fonts, 48 x 44 pixels of 16 greys, two to a
byte, and how far each moves the pen.
"""

from __future__ import annotations

import io
from importlib.resources import files
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
HEIGHT, WIDTH, BOX, CHARACTERS = 48, 192, 44, 94
_LETTERS = np.r_[32:58, 64:90]


class Lines:
    """Draws seeded random lines as the text-direction model takes them."""

    def __init__(self) -> None:
        data = (files("offchain_workers.evaluation") / "data" / "glyphs.npz").read_bytes()
        with np.load(io.BytesIO(data)) as stored:
            packed, self._widths = stored["glyphs"], stored["widths"]
        pairs = np.stack([packed >> 4, packed & 15], -1)
        self._glyphs = pairs.reshape(-1, HEIGHT, BOX).astype(np.float64) * 17

    def draw(self, random: np.random.Generator) -> tuple[Array, int]:
        """(3, 48, 192) from -1 to 1, and whether it is upside down."""
        grey = self._grey(random, self._fit(self._write(random)))
        turned = int(random.random() < 0.5)
        if turned:
            grey = grey[::-1, ::-1]
        picture = np.zeros((3, HEIGHT, WIDTH), np.float32)
        picture[:, :, : grey.shape[1]] = np.rint(grey) / 127.5 - 1
        return picture, turned

    def _write(self, random: np.random.Generator) -> Array:
        font, count = int(random.integers(len(self._widths))), int(random.integers(3, 14))
        any_of = np.arange(CHARACTERS) if random.random() < 0.3 else _LETTERS
        canvas, pen = np.zeros((HEIGHT, 1200)), 4
        for character in random.choice(any_of, count):
            pen += 12 if random.random() < 0.12 else 0
            place = canvas[:, pen : pen + BOX]
            np.maximum(place, self._glyphs[font * CHARACTERS + character], out=place)
            pen += int(self._widths[font, character])
        return canvas[:, : pen + 6]

    @staticmethod
    def _fit(canvas: Array) -> Array:
        """Squeezed to the model's width, if it is wider."""
        if canvas.shape[1] <= WIDTH:
            return canvas
        at = (np.arange(WIDTH) + 0.5) * canvas.shape[1] / WIDTH - 0.5
        left = np.clip(np.floor(at).astype(int), 0, canvas.shape[1] - 2)
        part = np.clip(at - left, 0, 1)
        squeezed: Array = canvas[:, left] * (1 - part) + canvas[:, left + 1] * part
        return squeezed

    @staticmethod
    def _grey(random: np.random.Generator, ink: Array) -> Array:
        front, back = random.uniform(0, 90), random.uniform(150, 255)
        if random.random() < 0.3:
            front, back = back, front
        noise = random.normal(0, random.uniform(0, 8), ink.shape)
        clipped: Array = np.clip(back + (front - back) * ink / 255 + noise, 0, 255)
        return clipped
