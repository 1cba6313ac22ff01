"""BatchNormalization whose channels are frames: how layer norms are exported that norm each frame by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.stream.operators.elementwise import same_merging
from gru_lower.passes.stream.refusal import Refused
from gru_lower.passes.stream.writer import dtype_of

if TYPE_CHECKING:
    from gru_lower.passes.stream.node import Node
    from gru_lower.passes.stream.streamer import Streamer


def frame_norm(streamer: Streamer, node: Node) -> None:
    """Write a BatchNormalization over frames as what it computes of each: its numbers are different for each frame.

    Raises:
        Refused: Some number is a constant that is different for each frame.

    """
    timed = {index: streamer.ready(each, node.local) for index, each in node.timed(streamer).items()}
    if 0 not in timed or timed[0].axis != 1 or any(each.axis != 0 for index, each in timed.items() if index):
        raise Refused("GL853", "what it scales by is different for each frame")
    timed = same_merging(streamer, timed)
    timed = dict(zip(timed, streamer.aligned(list(timed.values()), node.local), strict=True))
    write, local, rank = streamer.write, node.local, len(timed[0].dims)
    numbers: list[str] = []
    for index, name in enumerate(node.inputs[1:5], 1):
        if index not in timed and name not in streamer.uniform:
            raise Refused("GL853", f"{name} is a constant that is different for each frame along axis 1")
        value = timed[index].name if index in timed else streamer.name(name)
        beside = list(range(1, rank - 1))
        numbers.append(
            write.axes_node("Unsqueeze", value, beside, f"{local}_each") if index in timed and beside else value
        )
    scale, bias, mean, variance = numbers
    kind = dtype_of(timed[0].elem_type)
    epsilon = write.constant(np.array(node.attributes.get("epsilon", 1e-5), kind), f"{local}_epsilon")
    centred = write.emit("Sub", [timed[0].name, mean], f"{local}_centred")
    spread = write.emit("Sqrt", [write.emit("Add", [variance, epsilon], f"{local}_variance")], f"{local}_spread")
    scaled = write.emit("Mul", [write.emit("Div", [centred, spread], f"{local}_normed"), scale], f"{local}_scaled")
    write.emit("Add", [scaled, bias], local, node.output(0))
    streamer.put(node.output(0), timed[0], 1)
