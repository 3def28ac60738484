# SPDX-License-Identifier: Apache-2.0
"""The process that runs inside trusted hardware: keys, models and inputs never leave its memory.

The worker outside reaches it over a Unix socket (`verifiers.teeml.enclave.client`). It believes
nothing that comes from there: models are checked against the ids in jobs, inputs against their
commitments. It needs no network and writes no file.
"""
