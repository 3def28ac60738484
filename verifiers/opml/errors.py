# SPDX-License-Identifier: Apache-2.0
"""Why a bundle can't be read and why a program gets no certificate."""

from __future__ import annotations

from typing import ClassVar

from offchain_workers.errors import FusionError


class BundleError(FusionError):
    """A bundle that can't be used; raised as one of the subclasses."""

    CODE: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class BundleFileError(BundleError):
    """A file of the bundle is missing or unreadable."""

    CODE = "MN-OPML-050"


class HeaderError(BundleError):
    """header.json is not a header of version 1."""

    CODE = "MN-OPML-051"


class ProgramMismatchError(BundleError):
    """program.bin is not the program that the header names."""

    CODE = "MN-OPML-052"


class WeightsMismatchError(BundleError):
    """weights.bin is not what the header commits to."""

    CODE = "MN-OPML-053"


class SizeMismatchError(BundleError):
    """The header's output is not what the program makes."""

    CODE = "MN-OPML-054"


class CertificateError(FusionError):
    """A program that nobody should run: node ``node`` is why; raised as one of the subclasses."""

    CODE: ClassVar[str]

    def __init__(self, node: int, reason: str) -> None:
        super().__init__(self.CODE, f"node {node}: {reason}")
        self.node = node
        self.reason = reason


class OverflowRefusedError(CertificateError):
    """A number could leave what float64 computes exactly."""

    CODE = "MN-OPML-055"


class BlocksError(CertificateError):
    """A reduction with no lanes, or more blocks than are counted."""

    CODE = "MN-OPML-056"


class ReferenceRefusedError(CertificateError):
    """An operand that refers to nothing, or to a node that comes later."""

    CODE = "MN-OPML-057"


class AbsentRunError(CertificateError):
    """A read outside of its tensor that is no padding, or an output that reads only padding."""

    CODE = "MN-OPML-058"


class RecordError(CertificateError):
    """Parameters outside of the weights."""

    CODE = "MN-OPML-059"


class OpcodeError(CertificateError):
    """An opcode that computes nothing."""

    CODE = "MN-OPML-060"


class TensorSizeError(CertificateError):
    """An output too large to compute."""

    CODE = "MN-OPML-061"
