# SPDX-License-Identifier: Apache-2.0
"""Evaluation suites: how good a model is at a task, by data that everybody has."""
