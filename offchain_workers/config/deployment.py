# SPDX-License-Identifier: Apache-2.0
"""Where the contracts are: the file that `fusion deploy` writes, or addresses from the settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from offchain_workers.config.fields import Address
from offchain_workers.config.schema import Settings
from offchain_workers.errors import FusionError
from offchain_workers.problems import first_problem


class DeployedAddresses(BaseModel):
    """Addresses of the three contracts that every role needs."""

    model_config = ConfigDict(frozen=True)

    marketplace: Address
    models: Address
    subnets: Address


class Deployment(BaseModel):
    """One deployment of the network. ``start_block``: no event of it is older."""

    model_config = ConfigDict(frozen=True)

    chain_id: int | None = None
    start_block: int = 0
    addresses: DeployedAddresses


def find_deployment(settings: Settings) -> Deployment:
    """The deployment file, with the settings' own values over it.

    Raises MN-CFG-007 for a file that can't be used, MN-CFG-008 when an address is nowhere,
    MN-CFG-009 when settings and file name different chains.
    """
    chain = settings.chain
    given = chain.addresses.model_dump(exclude_none=True)
    filed = _read(chain.deployment) if chain.deployment else None
    if filed and chain.chain_id not in (None, filed.chain_id):
        raise FusionError(
            "MN-CFG-009",
            f"chain.chain_id is {chain.chain_id}, but {chain.deployment} is for {filed.chain_id}",
        )
    addresses = {**(filed.addresses.model_dump() if filed else {}), **given}
    missing = [name for name in DeployedAddresses.model_fields if name not in addresses]
    if missing:
        raise FusionError(
            "MN-CFG-008",
            f"no address for {', '.join(missing)}: set chain.deployment or chain.addresses",
        )
    return Deployment(
        chain_id=chain.chain_id or (filed.chain_id if filed else None),
        start_block=_first(chain.start_block, filed.start_block if filed else None, 0),
        addresses=DeployedAddresses(**addresses),
    )


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _read(path: Path) -> Deployment:
    try:
        return Deployment.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FusionError("MN-CFG-007", f"can't read {path}: {error.strerror}") from error
    except ValidationError as error:
        problem = first_problem(error, "the file")
        raise FusionError("MN-CFG-007", f"{path}: {problem}") from None
