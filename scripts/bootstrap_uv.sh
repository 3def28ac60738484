#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a uv that works; installs one under .cache/ when the machine has none.
set -euo pipefail

cd "$(dirname "$0")/.."
home=.cache/uv
if uv --version >/dev/null 2>&1; then
    command -v uv
    exit 0
fi
if [ ! -x "$home/bin/uv" ]; then
    python=$(scripts/find_python.sh)
    rm -rf "$home"
    mkdir -p .cache
    if "$python" -m venv "$home" >/dev/null 2>&1; then
        "$home/bin/python" -m pip install --quiet --require-hashes -r requirements/uv.txt >&2
    elif "$python" -m pip --version >/dev/null 2>&1; then
        # Debian without python3-venv: pip alone can still unpack uv beside us.
        rm -rf "$home"
        "$python" -m pip install --quiet --require-hashes --target "$home" -r requirements/uv.txt >&2
    else
        echo "neither uv, nor Python's venv, nor pip is here (on Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi
echo "$PWD/$home/bin/uv"
