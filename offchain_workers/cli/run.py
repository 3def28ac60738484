# SPDX-License-Identifier: Apache-2.0
"""The options that every command has, before or after its name, and what they carry."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from offchain_workers.config import Settings

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file (default: FUSION_CONFIG, else ./fusion.toml).",
        metavar="FILE",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for scripts.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show debug logs and tracebacks.")]

SHARED = {"config": (Config, None), "as_json": (Json, False), "verbose": (Verbose, False)}


@dataclass
class Run:
    """One invocation of `fusion`."""

    config: Path | None = None
    as_json: bool = False
    verbose: bool = False

    def settings(self, overrides: Mapping[str, Any] | None = None) -> Settings:
        """The merged settings; ``overrides`` are a command's own options, {section: {key: value}}.

        Logging starts here, on stderr, as the settings say.
        """
        from offchain_workers import logs
        from offchain_workers.config import load_settings

        settings = load_settings(self.config, overrides)
        logs.configure(settings.log.format, "debug" if self.verbose else settings.log.level)
        return settings

    def add(self, config: Path | None, as_json: bool, verbose: bool) -> None:
        """Take options in: given once anywhere, they count."""
        self.config = config or self.config
        self.as_json = self.as_json or as_json
        self.verbose = self.verbose or verbose


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register ``function(run, ...)`` as a command that also takes the shared options."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def call(ctx: typer.Context, **values: Any) -> None:
            run: Run = ctx.obj
            run.add(**{option: values.pop(option) for option in SHARED})
            function(run, **values)

        call.__doc__ = function.__doc__
        _declare(call, [_parameter("ctx", typer.Context), *own, *_shared()])
        group.command(name)(call)
        return function

    return register


def _declare(call: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """typer reads a command's parameters from its signature."""
    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    call.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword}


def _shared() -> list[inspect.Parameter]:
    return [_parameter(name, kind, default) for name, (kind, default) in SHARED.items()]


def _parameter(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
