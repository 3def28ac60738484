# SPDX-License-Identifier: Apache-2.0
"""A policy of TeemlVerifier as people write it: JSON, statuses in the vendor's words."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from offchain_workers.chain.contracts.base import ZERO_ADDRESS
from offchain_workers.chain.contracts.enclaves import DAY, Measurement, Policy
from offchain_workers.config.values import check_address
from offchain_workers.problems import first_problem
from verifiers.teeml.collateral import Digest, Status
from verifiers.teeml.errors import PolicyFileError
from verifiers.teeml.onchain import STATUSES

_BITS = {status: bit for bit, status in STATUSES.items()}
_MOST_MEASUREMENTS = 16


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MeasurementFile(_Part):
    """``runtime`` compares with RTMR3 too; ``svn``: the lowest ISVSVN, SGX only."""

    value: Digest
    tdx: bool = True
    runtime: bool = False
    svn: int = Field(default=0, ge=0, lt=1 << 16)


class PolicyFile(_Part):
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
    measurements: tuple[MeasurementFile, ...] = Field(min_length=1, max_length=_MOST_MEASUREMENTS)

    @field_validator("statuses")
    @classmethod
    def _revoked_never(cls, statuses: frozenset[Status]) -> frozenset[Status]:
        if not statuses or Status.REVOKED in statuses:
            raise ValueError("want one or more statuses, and never Revoked")
        return statuses

    @field_validator("measurements")
    @classmethod
    def _each_once(cls, given: tuple[MeasurementFile, ...]) -> tuple[MeasurementFile, ...]:
        # A guardian takes one place at a time: of what stands at two, it would take a half.
        if len({(one.value, one.tdx, one.runtime) for one in given}) != len(given):
            raise ValueError("a measurement stands there twice")
        return given

    @classmethod
    def parse(cls, data: str | bytes) -> PolicyFile:
        """From JSON; raises PolicyFileError."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise PolicyFileError(f"no policy: {first_problem(error, 'document')}") from error

    def policy(self) -> Policy:
        """As the contract takes it."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        measurements = tuple(Measurement(**dict(one)) for one in self.measurements)
        bits = sum(1 << _BITS[status] for status in self.statuses)
        return Policy(**values | {"measurements": measurements, "statuses": bits})


def statuses_of(policy: Policy) -> list[Status]:
    """The platforms' statuses that it takes, best first."""
    return [status for bit, status in STATUSES.items() if policy.statuses >> bit & 1]


def place_in(
    policy: Policy, measurement: bytes, runtime: bytes, *, tdx: bool, svn: int
) -> int | None:
    """The place of the measurement that a quote has; None when it has none of them."""
    for place, wanted in enumerate(policy.measurements):
        found = runtime if wanted.runtime else measurement
        if (found, tdx) == (wanted.value, wanted.tdx) and svn >= wanted.svn:
            return place
    return None
