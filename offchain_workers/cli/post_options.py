# SPDX-License-Identifier: Apache-2.0
"""The options that `fusion post` alone has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offchain_workers.cli.arguments import TierName

Inputs = Annotated[
    list[Path], typer.Option("--input", help="A file; repeat for a batch in one job.")
]
Named = Annotated[str | None, typer.Option(help="Id, the first digits of one (0x...), or name.")]
MethodName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Verification method (default: none; of a wish: any that fits)."
    ),
]
SubnetId = Annotated[
    str | None, typer.Option(help="Id of a live subnet (default: found or formed).")
]
Tiers = Annotated[
    list[TierName] | None, typer.Option(help="Allowed tier; repeat for more (default: all).")
]
MaxPrice = Annotated[
    str | None, typer.Option(help='For the whole job, as "0.01 ether" (default: as asked).')
]
Within = Annotated[str, typer.Option(help="Time to deliver: 90s, 10m, 2h.")]
Turn = Annotated[str, typer.Option(help="Head start of each member over the next.")]
BestEffort = Annotated[bool, typer.Option("--best-effort", help="Ask no worker to accept first.")]
FromBalance = Annotated[
    bool, typer.Option("--from-balance", help="Pay from the balance in the market.")
]
Bond = Annotated[
    str | None,
    typer.Option(help='Least bond of a claim, as "0.5 ether" (default: the method\'s).'),
]
Callback = Annotated[str | None, typer.Option(help="Contract to call with the answer.")]
CallbackGas = Annotated[int, typer.Option(min=0, help="Gas for the callback.")]
Locator = Annotated[str, typer.Option(help="Base URL where you serve a large input yourself.")]
Private = Annotated[
    bool, typer.Option("--private", help="Seal the input to the worker that accepts the job.")
]
OpenAnswer = Annotated[
    bool,
    typer.Option("--open-answer", help="With --private: don't have the answer sealed to you."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the answer.")]
