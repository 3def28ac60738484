# SPDX-License-Identifier: Apache-2.0
"""The policies of TeemlVerifier: what software on what platforms may sign answers.

A policy's id, the hash of all of it, is a model's artifact under `teeml`.
"""

from __future__ import annotations

from typing import Annotated, Any

from eth_abi.abi import encode
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.hashing import keccak
from offchain_workers.config.values import check_address
from verifiers.teeml.collateral import Digest, Status
from verifiers.teeml.errors import PolicyFileError
from verifiers.teeml.onchain import STATUSES

DAY = 86_400
_BITS = {status: bit for bit, status in STATUSES.items()}
_TYPE = (
    "(uint256,uint256,uint256,uint256,uint256,uint256,uint256,address,bool,"
    "(bytes32,bool,bool,uint256)[])"
)
_MOST_MEASUREMENTS = 16


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measurement(_Part):
    """Software: ``runtime`` compares with RTMR3 too; ``svn``: the lowest ISVSVN, SGX only."""

    value: Digest
    tdx: bool = True
    runtime: bool = False
    svn: int = Field(default=0, ge=0, lt=1 << 16)

    def abi(self) -> tuple[bytes, bool, bool, int]:
        return self.value, self.tdx, self.runtime, self.svn


class KeyPolicy(_Part):
    """Times in seconds, ``bond`` in wei for each key, ``quota`` of live keys a platform.

    ``guardian`` may take measurements and platforms out, nothing else; the zero address: nobody.
    """

    statuses: frozenset[Status] = frozenset({Status.UP_TO_DATE, Status.SW_HARDENING_NEEDED})
    max_age: int = Field(default=30 * DAY, gt=0)
    min_evaluation: int = Field(default=0, ge=0)
    key_ttl: int = Field(default=DAY, gt=0, le=7 * DAY)
    quota: int = Field(default=1, ge=1, le=8)
    hold: int = Field(default=0, ge=0)
    bond: int = Field(default=0, ge=0)
    guardian: Annotated[str, BeforeValidator(check_address)] = ZERO_ADDRESS
    require_gpu: bool = False
    measurements: tuple[Measurement, ...] = Field(min_length=1, max_length=_MOST_MEASUREMENTS)

    @field_validator("statuses")
    @classmethod
    def _revoked_never(cls, statuses: frozenset[Status]) -> frozenset[Status]:
        if not statuses or Status.REVOKED in statuses:
            raise ValueError("want one or more statuses, and never Revoked")
        return statuses

    @classmethod
    def parse(cls, data: str | bytes) -> KeyPolicy:
        """From JSON; raises PolicyFileError."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            one = error.errors()[0]
            at = ".".join(str(part) for part in one["loc"]) or "document"
            raise PolicyFileError(f"no policy: {at}: {one['msg']}") from error

    @classmethod
    def of(cls, struct: Any) -> KeyPolicy:
        """From an event's or a call's decoded struct."""
        found = dict(struct)
        bits = int(found.pop("statuses"))
        statuses = frozenset(status for bit, status in STATUSES.items() if bits >> bit & 1)
        measurements = tuple(
            Measurement.model_construct(**dict(one)) for one in found.pop("measurements")
        )
        return cls.model_construct(statuses=statuses, measurements=measurements, **found)

    def abi(self) -> tuple[Any, ...]:
        """ITeemlVerifier's Policy."""
        return (
            sum(1 << _BITS[status] for status in self.statuses),
            self.max_age,
            self.min_evaluation,
            self.key_ttl,
            self.quota,
            self.hold,
            self.bond,
            self.guardian,
            self.require_gpu,
            [measurement.abi() for measurement in self.measurements],
        )

    @property
    def policy_id(self) -> bytes:
        """The artifact that models name."""
        return keccak(encode([_TYPE], [self.abi()]))

    def fits(self, measurement: bytes, runtime: bytes, *, tdx: bool, svn: int) -> int | None:
        """The place of the measurement that a quote has; None when it has none of them."""
        for place, wanted in enumerate(self.measurements):
            found = runtime if wanted.runtime else measurement
            if (found, tdx) == (wanted.value, wanted.tdx) and svn >= wanted.svn:
                return place
        return None
