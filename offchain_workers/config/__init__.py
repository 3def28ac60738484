# SPDX-License-Identifier: Apache-2.0
"""Configuration: one TOML file, every key also by environment, checked as a whole before use."""

from __future__ import annotations

from offchain_workers.config.deployment import Deployment, find_deployment
from offchain_workers.config.load import config_path, load_settings
from offchain_workers.config.schema import Settings
from offchain_workers.config.template import render_template, write_template

__all__ = [
    "Deployment",
    "Settings",
    "config_path",
    "find_deployment",
    "load_settings",
    "render_template",
    "write_template",
]
