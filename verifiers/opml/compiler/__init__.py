# SPDX-License-Identifier: Apache-2.0
"""Float ONNX -> a program of the OPML profile, its lowerings and an accuracy card.

Needs the extra ``opml``; workers and watchers never import it.
"""
