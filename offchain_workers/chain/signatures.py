# SPDX-License-Identifier: Apache-2.0
"""What eth_account raises, beside ValueError, of a stranger's signature that is none."""

from __future__ import annotations

from eth_abi.exceptions import EncodingError
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

# None of them is a ValueError: out of range, of another length, by no address.
NO_SIGNATURE = (BadSignature, ValidationError, EncodingError)
