# SPDX-License-Identifier: Apache-2.0
"""Our inference server beside MLServer, and the engine beside bare onnxruntime."""
