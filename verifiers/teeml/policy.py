# SPDX-License-Identifier: Apache-2.0
"""What of genuine quotes is accepted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from verifiers.teeml.collateral import QeIdentity, Status, TcbInfo
from verifiers.teeml.errors import PolicyFileError, PolicyRefusedError, StatusRefusedError
from verifiers.teeml.levels import Standing


class Policy(BaseModel):
    """Ages in seconds since the vendor issued TCB info and QE identity; 0 asks for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: frozenset[Status] = frozenset({Status.UP_TO_DATE, Status.SW_HARDENING_NEEDED})
    denied_advisories: frozenset[str] = frozenset()
    min_evaluation: int = Field(default=0, ge=0)
    max_collateral_age: int = Field(default=0, ge=0)

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
            one = error.errors()[0]
            at = ".".join(str(part) for part in one["loc"]) or "document"
            raise PolicyFileError(f"no policy: {at}: {one['msg']}") from error

    def check(self, standing: Standing, info: TcbInfo, identity: QeIdentity, at: int) -> None:
        """Raises StatusRefusedError, PolicyRefusedError."""
        if standing.status not in self.statuses:
            raise StatusRefusedError(f"the policy does not accept {standing.status}")
        denied = self.denied_advisories.intersection(standing.advisories)
        if denied:
            raise PolicyRefusedError(f"the policy denies {', '.join(sorted(denied))}")
        if min(info.evaluation, identity.evaluation) < self.min_evaluation:
            raise PolicyRefusedError(f"collateral older than evaluation {self.min_evaluation}")
        age = at - min(info.issued, identity.issued)
        if 0 < self.max_collateral_age < age:
            raise PolicyRefusedError(f"collateral is {age} s old")
