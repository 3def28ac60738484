# SPDX-License-Identifier: Apache-2.0
"""Compiled models come as several ONNX files that give the same bits, each for other hardware."""

from __future__ import annotations

from offchain_workers.models.card import ModelCard

# The file of a compiled model's manifest that suits a provider; others run the published one.
_FILES = {"cuda": "model.cuda.onnx", "tensorrt": "model.cuda.onnx"}


def manifest(card: ModelCard, method: str) -> dict[str, str]:
    """File name to content id, as the card's publisher lists a method's files; else empty."""
    notes = card.methods.get(method)
    files = notes.get("manifest") if isinstance(notes, dict) else None
    if not isinstance(files, dict):
        return {}
    return {name: cid for name, cid in files.items() if isinstance(cid, str)}


def onnx_for(card: ModelCard, published: str, provider: str) -> str:
    """Content id of the file to run on a provider. ``published``: that of the model's record."""
    name = _FILES.get(provider, "")
    found = [manifest(card, method).get(name) for method in sorted(card.methods)]
    return next((cid for cid in found if cid), published)
