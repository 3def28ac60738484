#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the first Python on this machine that the project runs on (3.11 or 3.12).
set -euo pipefail

for candidate in ${PYTHON:-} python3 python3.12 python3.11 python; do
    # A version manager's shim may be on PATH and still refuse to start, hence the try.
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done
echo "Python 3.11 or 3.12 is needed and none was found; set PYTHON=/path/to/python" >&2
exit 1
