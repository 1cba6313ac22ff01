"""Benchmarks, run by hand from the top of the checkout: ``python -m benchmarks lowering``; see README.md."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # from 1.29 on, onnxruntime would report each session to its maker
