# SPDX-License-Identifier: Apache-2.0
"""``python -m offchain_workers.operator --config FILE``: the worker without the command line."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

from offchain_workers import keys, logs
from offchain_workers.config import load_settings
from offchain_workers.errors import FusionError
from offchain_workers.operator import serve
from offchain_workers.passwords import read_password


def main() -> None:
    parser = ArgumentParser(prog="python -m offchain_workers.operator", description=__doc__)
    parser.add_argument("--config", type=Path, help="configuration file")
    try:
        settings = load_settings(parser.parse_args().config)
        logs.configure(settings.log.format, settings.log.level)
        path = keys.find(settings.account.folder, settings.account.keystore)
        password = read_password(settings.account.password_file, f"Password of {path}")
        serve(settings, keys.load(path, password))
    except FusionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
