# SPDX-License-Identifier: Apache-2.0
"""What the vendor signs about platforms: TCB info, QE identity, chains, revocation lists.

`Collateral` is the JSON shape of dcap-qvl and of most tools: chains in PEM, the rest as signed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from offchain_workers.problems import first_problem
from verifiers.teeml.errors import CollateralFileError, CollateralShapeError

_DATE = "%Y-%m-%dT%H:%M:%SZ"


class Status(StrEnum):
    """The vendor's words, best first."""

    UP_TO_DATE = "UpToDate"
    SW_HARDENING_NEEDED = "SWHardeningNeeded"
    CONFIGURATION_NEEDED = "ConfigurationNeeded"
    CONFIGURATION_AND_SW_HARDENING_NEEDED = "ConfigurationAndSWHardeningNeeded"
    OUT_OF_DATE = "OutOfDate"
    OUT_OF_DATE_CONFIGURATION_NEEDED = "OutOfDateConfigurationNeeded"
    REVOKED = "Revoked"


_WANTED = "want 0x and hexadecimal digits"


def _hex(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("want a string of hexadecimal digits")
    return bytes.fromhex(value)


def _prefixed(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(_WANTED)
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise ValueError(_WANTED) from None


def _unix(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("want a date")
    return int(datetime.strptime(value, _DATE).replace(tzinfo=UTC).timestamp())


Hex = Annotated[bytes, BeforeValidator(_hex)]
Hex2 = Annotated[Hex, Field(min_length=2, max_length=2)]
Hex4 = Annotated[Hex, Field(min_length=4, max_length=4)]
Hex6 = Annotated[Hex, Field(min_length=6, max_length=6)]
Hex8 = Annotated[Hex, Field(min_length=8, max_length=8)]
Hex16 = Annotated[Hex, Field(min_length=16, max_length=16)]
Hex32 = Annotated[Hex, Field(min_length=32, max_length=32)]
Hex48 = Annotated[Hex, Field(min_length=48, max_length=48)]
Hex64 = Annotated[Hex, Field(min_length=64, max_length=64)]
# As people write hashes, with 0x before.
Digest = Annotated[bytes, BeforeValidator(_prefixed), Field(min_length=32, max_length=32)]
Date = Annotated[int, BeforeValidator(_unix)]
U8 = Annotated[int, Field(ge=0, le=0xFF, strict=True)]
U16 = Annotated[int, Field(ge=0, le=0xFFFF, strict=True)]
U32 = Annotated[int, Field(ge=0, le=0xFFFF_FFFF, strict=True)]
# Intel's schemas know no other status of a module or of a quoting enclave.
ComponentStatus = Literal[Status.UP_TO_DATE, Status.OUT_OF_DATE, Status.REVOKED]


class _Signed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Svn(_Signed):
    svn: U8


Svns = Annotated[tuple[_Svn, ...], Field(min_length=16, max_length=16)]


class PlatformTcb(_Signed):
    """What a level asks of a platform."""

    sgx: Svns = Field(alias="sgxtcbcomponents")
    pcesvn: U16
    tdx: Svns | None = Field(alias="tdxtcbcomponents", default=None)

    def key(self) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
        """Levels are ordered by it, the highest first."""
        tdx = tuple(one.svn for one in self.tdx or ())
        return tuple(one.svn for one in self.sgx), self.pcesvn, tdx


class PlatformLevel(_Signed):
    """A status and what a platform needs for it."""

    tcb: PlatformTcb
    date: Date = Field(alias="tcbDate")
    status: Status = Field(alias="tcbStatus")
    advisories: tuple[str, ...] = Field(alias="advisoryIDs", default=())


class _ComponentTcb(_Signed):
    isvsvn: U16


class ComponentLevel(_Signed):
    """A status of a TDX module or a quoting enclave."""

    tcb: _ComponentTcb
    date: Date = Field(alias="tcbDate")
    status: ComponentStatus = Field(alias="tcbStatus")
    advisories: tuple[str, ...] = Field(alias="advisoryIDs", default=())


class TdxModule(_Signed):
    """Who signs TDX modules."""

    mrsigner: Hex48
    attributes: Hex8
    mask: Hex8 = Field(alias="attributesMask")


class TdxModuleIdentity(TdxModule):
    """A module's version, ``TDX_`` and two hexadecimal digits, and its levels."""

    id: str
    levels: tuple[ComponentLevel, ...] = Field(alias="tcbLevels")


class _Dated(_Signed):
    issued: Date = Field(alias="issueDate")
    until: Date = Field(alias="nextUpdate")
    evaluation: U32 = Field(alias="tcbEvaluationDataNumber")


class TcbInfo(_Dated):
    """TCB info version 3 of one kind of platform."""

    id: Literal["SGX", "TDX"]
    version: Literal[3]
    fmspc: Hex6
    pceid: Hex2 = Field(alias="pceId")
    tcb_type: Literal[0] = Field(alias="tcbType")
    module: TdxModule | None = Field(alias="tdxModule", default=None)
    modules: tuple[TdxModuleIdentity, ...] = Field(alias="tdxModuleIdentities", default=())
    levels: tuple[PlatformLevel, ...] = Field(alias="tcbLevels")

    @classmethod
    def parse(cls, text: str) -> TcbInfo:
        """Raises CollateralShapeError."""
        return _parse(cls, text, "TCB info")


class QeIdentity(_Dated):
    """The identity of Intel's quoting enclave, version 2."""

    id: Literal["QE", "TD_QE"]
    version: Literal[2]
    miscselect: Hex4
    miscselect_mask: Hex4 = Field(alias="miscselectMask")
    attributes: Hex16
    attributes_mask: Hex16 = Field(alias="attributesMask")
    mrsigner: Hex32
    isvprodid: U16
    levels: tuple[ComponentLevel, ...] = Field(alias="tcbLevels")

    @classmethod
    def parse(cls, text: str) -> QeIdentity:
        """Raises CollateralShapeError."""
        return _parse(cls, text, "QE identity")


class Collateral(BaseModel):
    """All that a quote is checked with."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pck_crl_issuer_chain: str
    root_ca_crl: Hex
    pck_crl: Hex
    tcb_info_issuer_chain: str
    tcb_info: str
    tcb_info_signature: Hex64
    qe_identity_issuer_chain: str
    qe_identity: str
    qe_identity_signature: Hex64

    @classmethod
    def parse(cls, data: str | bytes) -> Collateral:
        """Raises CollateralFileError."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise CollateralFileError(
                f"no collateral: {first_problem(error, 'document')}"
            ) from error


Model = TypeVar("Model", bound=BaseModel)


def _parse(kind: type[Model], text: str, what: str) -> Model:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise CollateralShapeError(f"{what}: {first_problem(error, 'document')}") from error
