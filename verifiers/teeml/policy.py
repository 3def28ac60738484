# SPDX-License-Identifier: Apache-2.0
"""What of genuine quotes is accepted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from offchain_workers.problems import first_problem
from verifiers.teeml.appraisal import Appraisal
from verifiers.teeml.collateral import Digest, Status
from verifiers.teeml.errors import PolicyFileError, PolicyRefusedError, StatusRefusedError


class Policy(BaseModel):
    """Ages in seconds since the vendor issued TCB info and QE identity; 0 asks for nothing.

    ``measurements``: of either kind that a quote has; none listed, any will do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: frozenset[Status] = frozenset({Status.UP_TO_DATE, Status.SW_HARDENING_NEEDED})
    denied_advisories: frozenset[str] = frozenset()
    measurements: frozenset[Digest] = frozenset()
    min_evaluation: int = Field(default=0, ge=0)
    max_collateral_age: int = Field(default=0, ge=0)

    @field_validator("denied_advisories")
    @classmethod
    def _as_the_vendor_writes(cls, advisories: frozenset[str]) -> frozenset[str]:
        # In small letters one would deny nothing.
        return frozenset(one.strip().upper() for one in advisories)

    @field_validator("statuses")
    @classmethod
    def _revoked_never(cls, statuses: frozenset[Status]) -> frozenset[Status]:
        if Status.REVOKED in statuses:
            raise ValueError("no policy accepts Revoked")
        return statuses

    @classmethod
    def parse(cls, data: str | bytes) -> Policy:
        """From JSON; raises PolicyFileError."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise PolicyFileError(f"no policy: {first_problem(error, 'document')}") from error

    def check(self, found: Appraisal, at: int) -> None:
        """Raises StatusRefusedError, PolicyRefusedError."""
        standing, info, identity = found.standing, found.tcb_info, found.qe_identity
        if standing.status not in self.statuses:
            raise StatusRefusedError(f"the policy does not accept {standing.status}")
        denied = {one for one in standing.advisories if one.upper() in self.denied_advisories}
        if denied:
            raise PolicyRefusedError(f"the policy denies {', '.join(sorted(denied))}")
        own = {found.quote.measurement, found.quote.runtime_measurement}
        if self.measurements and not self.measurements & own:
            raise PolicyRefusedError(f"measurement 0x{found.quote.measurement.hex()} is not listed")
        if min(info.evaluation, identity.evaluation) < self.min_evaluation:
            raise PolicyRefusedError(f"collateral older than evaluation {self.min_evaluation}")
        age = at - min(info.issued, identity.issued)
        if 0 < self.max_collateral_age < age:
            raise PolicyRefusedError(f"collateral is {age} s old")
