#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the locked anvil and solc into node_modules when npm is here. Never fails: the chain in
# Python (py-evm) takes over, and tests that need either skip with that reason.
set -uo pipefail

cd "$(dirname "$0")/.."
stamp=node_modules/.anvil-lock
if [ -n "${ANVIL:-}" ] && [ -x "$ANVIL" ] && [ -d node_modules/solc ]; then
    exit 0
fi
if cmp -s package-lock.json "$stamp"; then
    exit 0
fi
if ! npm --version >/dev/null 2>&1; then
    echo "npm is not here: no anvil; the chain in Python serves instead"
    exit 0
fi
if npm ci --silent --no-audit --no-fund --ignore-scripts; then
    mkdir -p node_modules  # not there on a platform that the lock has no anvil for
    cp package-lock.json "$stamp"
else
    echo "npm could not install anvil; the chain in Python serves instead"
fi
