# SPDX-License-Identifier: Apache-2.0
"""A worker behind NAT dials out; whoever asks the relay reaches the worker's whole HTTP API."""
