"""Where the input of a row comes from: one tensor read step by step, another row, or values one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse.algebra import Leaf
from gru_lower.passes.fuse.emit import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse.emit import Writer
    from gru_lower.passes.fuse.interpret import Interpreter
    from gru_lower.passes.fuse.unrolled import Row


@dataclass(frozen=True)
class Part:
    """A stretch of the input's features, over all steps.

    Attributes:
        atoms: The atom of each step.
        row: The row whose states they are, ``None`` for none.
        time: The axis of the tensor that all of them are read from, ``None`` if they are single values.
        start: The index of the first step, on that axis or among that row's states.
        step: 1, or -1 where the steps run backwards.

    """

    atoms: tuple[int, ...]
    row: int | None = None
    time: int | None = None
    start: int = 0
    step: int = 1


@dataclass(frozen=True)
class Source:
    """All that a row reads.

    Attributes:
        parts: The input, stretch after stretch.
        names: The values of the graph that are read.
        rows: The rows that are read.

    """

    parts: tuple[Part, ...]
    names: tuple[str, ...]
    rows: tuple[int, ...] = field(default=())

    @property
    def reverse(self) -> bool:
        """Whether the steps run backwards over every part."""
        return all(part.step == -1 for part in self.parts)


def source(interpreter: Interpreter, rows: Sequence[Row], number: int, states: dict[int, tuple[int, int]]) -> Source:
    """Find out where a row's input comes from.

    Args:
        interpreter: The scope.
        rows: All rows of the scope.
        number: Which one.
        states: The row and time of every atom that is a row's state.

    Raises:
        CannotWriteError: Something it reads is not to be had, or hangs on the row itself.

    """
    row = rows[number]
    kernel = row.kernel
    count = len(kernel.x)
    if any(len(cell.x) != count for cell in row.cells):
        raise CannotWriteError("the steps do not read as many inputs")
    parts = tuple(_part(interpreter, tuple(cell.x[i] for cell in row.cells), number, states) for i in range(count))
    names: dict[str, None] = {}
    others: dict[int, None] = {}
    atoms = [row.before] if row.before is not None else []
    for part in parts:
        if part.row is not None:
            others[part.row] = None
        atoms += part.atoms if part.row is None else ()
    for form in (kernel.z, kernel.r, kernel.h, kernel.inner):
        atoms += [mono[0] for mono, _ in form.bias.terms if any(mono)] if form is not None else []
        for products in (form.state, *(p for _, p in form.inputs)) if form is not None else ():
            for _, matrix in products:
                place = interpreter.place(matrix.source) if matrix.array is None else None
                names.update({} if place is None else {place: None})
    for atom in dict.fromkeys(atoms):
        names.update(dict.fromkeys(_names(interpreter, atom)))
    own = _downstream(interpreter, row)
    looked_at = [*names, *(n for part in parts if part.row is not None for a in part.atoms for n in _names(interpreter, a))]
    if any(name in own for name in looked_at):
        raise CannotWriteError("the input of a step hangs on the state of another: the loop feeds back")
    return Source(parts, tuple(names), tuple(others))


def _names(interpreter: Interpreter, atom: int) -> list[str]:
    leaf = interpreter.algebra.atoms[atom]
    if not isinstance(leaf, Leaf):
        raise CannotWriteError("an input is not in the graph")
    if leaf.source in interpreter.algebra.constants:
        return []
    name = interpreter.place(leaf.source)
    if name is None:
        raise CannotWriteError("an input is not in the graph")
    return [name]


def _part(interpreter: Interpreter, atoms: tuple[int, ...], number: int, states: dict[int, tuple[int, int]]) -> Part:
    there = [states.get(atom) for atom in atoms]
    if None not in there and len({place[0] for place in there if place}) == 1:
        times = [place[1] for place in there if place]
        other = next(place[0] for place in there if place)
        step = _step(times)
        if other != number and step:
            return Part(atoms, row=other, start=times[0], step=step)
    leaves = [interpreter.algebra.atoms[atom] for atom in atoms]
    if len(atoms) > 1 and all(isinstance(leaf, Leaf) for leaf in leaves):
        found = _along(leaves)
        if found is not None:
            return Part(atoms, None, *found)
    return Part(atoms)


def _step(times: Sequence[Any]) -> int:
    """Return 1 for times that count up by one, -1 down, 0 for others."""
    if not all(isinstance(time, int) for time in times):
        return 0
    steps = {b - a for a, b in zip(times, times[1:], strict=False)}
    return steps.pop() if len(steps) == 1 and steps <= {1, -1} else int(not steps)


def _along(leaves: Sequence[Any]) -> tuple[int, int, int] | None:
    """Return axis, first index and step where leaves are one value read along an axis."""
    first = leaves[0]
    if any(leaf._replace(axes=()) != first._replace(axes=()) for leaf in leaves):
        return None
    columns = list(zip(*(leaf.axes for leaf in leaves), strict=True))
    moving = [axis for axis, entries in enumerate(columns) if len(set(entries)) > 1]
    if len(moving) != 1 or any(entry[0] != "i" for entry in columns[moving[0]]):
        return None
    times = [entry[1] for entry in columns[moving[0]]]
    step = _step(times)
    return (moving[0], times[0], step) if step else None


def _downstream(interpreter: Interpreter, row: Row) -> set[str]:
    """Return every value that hangs on a state of a row."""
    homes = [interpreter.homes[cell.state].name for cell in row.cells if cell.state in interpreter.homes]
    tainted = set(homes)
    scope = interpreter.scope
    first = min((scope.producers[name] for name in homes if name in scope.producers), default=0)
    for index in range(first, len(scope.nodes)):
        node = scope.nodes[index]
        if any(name in tainted for name in node_uses(node)):
            tainted.update(node.output)
    return tainted - {""}


def written(writer: Writer, given: Source, rows: dict[int, tuple[str, bool, int]]) -> str:
    """Write the input of a row as (T, B, features), in the order in which a GRU of its direction reads it.

    Args:
        writer: Where to.
        given: What the row reads.
        rows: For each row that has been written: its Y, whether it runs backwards, and its number of steps.

    """
    names = []
    for part in given.parts:
        count = len(part.atoms)
        if part.row is not None:
            name, step = _of_row(writer, part, rows[part.row]), part.step
        elif part.time is not None:
            name, step = _of_tensor(writer, part), part.step
        else:
            each = [writer.unsqueeze(writer.rows(atom, "x"), [0], "x") for atom in part.atoms]
            name, step = each[0] if count == 1 else writer.node("Concat", each, "X", axis=0), 1
        if (step == -1) != given.reverse:
            name = writer.slice(name, 0, -1, -(2**31), "X_reversed", step=-1)
        names.append(name)
    return names[0] if len(names) == 1 else writer.node("Concat", names, "X", axis=2)


def _of_row(writer: Writer, part: Part, other: tuple[str, bool, int]) -> str:
    y, reverse, steps = other
    name = writer.squeeze(y, [1], "X")
    first, last = sorted((part.start, part.start + part.step * (len(part.atoms) - 1)))
    if reverse:
        first, last = steps - 1 - last, steps - 1 - first
    if (first, last) != (0, steps - 1):
        name = writer.slice(name, 0, first, last + 1, "X_part")
    # A row that runs backwards has its first state last.
    return writer.slice(name, 0, -1, -(2**31), "X_turned", step=-1) if reverse else name


def _of_tensor(writer: Writer, part: Part) -> str:
    leaf = writer.algebra.atoms[part.atoms[0]]
    assert isinstance(leaf, Leaf)
    assert part.time is not None
    name, seen = writer.place(leaf)
    time = part.time if leaf.source not in writer.algebra.defined else _axis_in_home(writer, leaf, part.time)
    first, last = sorted((part.start, part.start + part.step * (len(part.atoms) - 1)))
    if (first, last + 1) != (0, writer.interpreter.dims(name)[time]):
        source_name = name
        name = writer.slice(name, time, first, last + 1, "x_part")
        writer.interpreter.values.setdefault(name, _shortened(writer, source_name, time, last + 1 - first))
    seen[time] = ("a", -1, 0, 1)
    return writer.steps(name, seen, leaf, time, "X")


def _shortened(writer: Writer, name: str, axis: int, length: int) -> Any:  # noqa: ANN401 - what is known of a value
    known: Any = writer.interpreter.value(name)
    dims = (*known.dims[:axis], length, *known.dims[axis + 1 :])
    return known.__class__(known.axes, dims, known.pieces) if hasattr(known, "pieces") else known


def _axis_in_home(writer: Writer, leaf: Leaf, time: int) -> int:
    home = writer.interpreter.homes[writer.algebra.defined[leaf.source]]
    return home.value.axes.index((time,))
