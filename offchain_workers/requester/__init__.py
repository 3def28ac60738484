# SPDX-License-Identifier: Apache-2.0
"""The requester's side of a job: find a subnet, ask for acceptance, post, wait for the answer."""
