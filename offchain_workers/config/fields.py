# SPDX-License-Identifier: Apache-2.0
"""What every table of the configuration is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from offchain_workers.config.values import (
    check_address,
    check_http_url,
    check_relay_url,
    expand_database,
    expand_home,
    model_id,
    split_list,
    to_wei,
)

Address = Annotated[str, BeforeValidator(check_address)]
HttpUrl = Annotated[str, BeforeValidator(check_http_url)]
RelayUrl = Annotated[str, BeforeValidator(check_relay_url)]
HomePath = Annotated[Path, BeforeValidator(expand_home)]
ModelId = Annotated[str, BeforeValidator(model_id)]
WeiAmount = Annotated[int, BeforeValidator(to_wei), Field(ge=0)]
# NoDecode: the environment may say "a,b" as well as '["a", "b"]'.
Urls = Annotated[tuple[HttpUrl, ...], NoDecode, BeforeValidator(split_list)]
DatabaseUrl = Annotated[str, BeforeValidator(expand_database)]
AddressList = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(split_list)]
ServerName = Annotated[str, Field(pattern=r"^[^=\s/]+=[^=\s/?#]+$")]
ServerNames = Annotated[tuple[ServerName, ...], NoDecode, BeforeValidator(split_list)]
ModelIds = Annotated[tuple[ModelId, ...], NoDecode, BeforeValidator(split_list)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values never change once loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def listen_host_field(what: str = "the endpoint") -> Any:
    """The field: this machine alone, unless somebody says so."""
    return Field("127.0.0.1", description=f"Address that {what} listens on.")


def listen_port_field(number: int, *, is_fixed: bool = False) -> Any:
    """The field; a fixed one must be known before it listens."""
    what = "Its port." if is_fixed else "Its port; 0 picks a free one."
    return Field(number, ge=int(is_fixed), le=65_535, description=what)


def database_field(file: str, what: str) -> Any:
    """The field; never shown, for it may carry a password."""
    return Field(
        f"sqlite:///~/.fusion/{file}.db",
        repr=False,
        description=f"SQLAlchemy URL of {what} (SQLite or PostgreSQL).",
    )


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a table, None for a plain value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
