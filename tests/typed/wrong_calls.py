"""Calls that a type checker refuses: each line is one, and says so."""

import gru_lower

gru_lower.lower(12)  # type: ignore[call-overload]
gru_lower.lower("m.onnx", form="scna")  # type: ignore[call-overload]
gru_lower.lower("m.onnx", colour=1)  # type: ignore[call-overload]
gru_lower.lower("m.onnx", cases="3")  # type: ignore[call-overload]
gru_lower.fuse("m.onnx", empty="drop")  # type: ignore[call-overload]
gru_lower.legalize("m.onnx")  # type: ignore[call-overload]
gru_lower.quantize("m.onnx", weights="int3")  # type: ignore[call-overload]
gru_lower.stream(None)  # type: ignore[call-overload]
gru_lower.check(12)  # type: ignore[arg-type]
gru_lower.inspect(3.5)  # type: ignore[arg-type]
gru_lower.verify("a.onnx", "b.onnx", match="order")  # type: ignore[arg-type]
gru_lower.bench("a.onnx", seconds="1")  # type: ignore[arg-type]
