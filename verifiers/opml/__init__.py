# SPDX-License-Identifier: Apache-2.0
"""Method ``opml``: optimistic claims on integer programs. Semantics: docs/opml-profile.md."""
