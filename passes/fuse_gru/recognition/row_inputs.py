"""Where the input of a row comes from: one tensor read step by step, another row, or values one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.algebra.axes import FreeAxis, ReadAlong, ReadAt, index_at, whole
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf
from gru_lower.passes.fuse_gru.recognition import rematerialised_inputs
from gru_lower.passes.fuse_gru.recognition.row import Initial, Row
from gru_lower.passes.fuse_gru.writing.node_writer import Axis, CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.recognition.masked_rows import Lengths
    from gru_lower.passes.fuse_gru.recognition.read_cell import Form
    from gru_lower.passes.fuse_gru.writing.node_writer import Writer


@dataclass(frozen=True)
class Part:
    """A stretch of the input's features, over all steps.

    Attributes:
        atoms: The atom of each step; the one of a loop.
        row: The row whose states they are, ``None`` for none.
        time: The axis of the tensor that all of them are read from, ``None`` if they are single values.
        first: The index of the first step, on that axis or among that row's states.
        step: 1, or -1 where the steps run backwards.
        count: The number of steps.

    """

    atoms: tuple[int, ...]
    count: Count
    row: int | None = None
    time: int | None = None
    first: Count = 0
    step: int = 1


@dataclass(frozen=True)
class Source:
    """All that a row reads.

    Attributes:
        parts: The input, stretch after stretch.
        names: The values of the graph that are read.
        rows: The rows that are read.
        count_name: The value that is the number of steps, ``""`` for none.
        lengths: Where its sequence_lens comes from, ``None`` if it has none.
        backwards: Which way a masked row runs, ``None`` for one without a mask.

    """

    parts: tuple[Part, ...]
    names: tuple[str, ...]
    rows: tuple[int, ...] = field(default=())
    count_name: str = ""
    lengths: Lengths | None = None
    backwards: bool | None = None

    @property
    def reverse(self) -> bool:
        """Whether the GRU runs backwards: as its mask does, or else as the steps do over every part."""
        if self.backwards is not None:
            return self.backwards
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
    parts = tuple(_part(interpreter, rows, number, i, states) for i in range(count))
    names: dict[str, None] = {}
    others: dict[int, None] = {}
    atoms: list[int] = []
    if isinstance(row.before, Initial):
        names[row.before.name] = None
    elif row.before is not None:
        atoms.append(row.before)
    for part in parts:
        if part.row is not None:
            others[part.row] = None
        atoms += part.atoms if part.row is None else ()
    for form in filter(None, (kernel.z, kernel.r, kernel.h, kernel.inner)):
        atoms += [mono[0] for mono, _ in form.bias.terms if any(mono)]
        names.update(dict.fromkeys(_matrices(interpreter, form)))
    for atom in dict.fromkeys(atoms):
        names.update(dict.fromkeys(_names(interpreter, atom)))
    if row.carrier is None:
        own = _downstream(interpreter, row)
        of_rows = [
            name for part in parts if part.row is not None for a in part.atoms for name in _names(interpreter, a)
        ]
        if any(name in own for name in (*names, *of_rows)):
            raise CannotWriteError("the input of a step hangs on the state of another: the loop feeds back")
    count_name = "" if row.carrier is None else row.carrier.trips_name
    if count_name and any(_needs_count(interpreter, part) for part in parts):
        names[count_name] = None
    return Source(parts, tuple(names), tuple(others), count_name)


def _matrices(interpreter: Interpreter, form: Form) -> Iterator[str]:
    """Yield the values that are matrices of a form and no constants."""
    for products in (form.state, *(p for _, p in form.inputs)):
        for _, matrix in products:
            if matrix.array is None:
                place = interpreter.place(matrix.source)
                if place is None:
                    raise CannotWriteError("a matrix is computed anew in every step")
                yield place


def _names(interpreter: Interpreter, atom: int) -> list[str]:
    leaf = interpreter.algebra.atoms[atom]
    if not isinstance(leaf, Leaf):
        raise CannotWriteError("an input is not in the graph")
    if leaf.source in interpreter.algebra.constants:
        return []
    name = interpreter.place(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    return [name]


def _part(
    interpreter: Interpreter, rows: Sequence[Row], number: int, which: int, states: dict[int, tuple[int, int]]
) -> Part:
    row = rows[number]
    atoms = tuple(cell.x[which] for cell in row.cells)
    there = [states.get(atom) for atom in atoms]
    if None not in there and len({place[0] for place in there if place}) == 1:
        times = [place[1] for place in there if place]
        other = next(place[0] for place in there if place)
        if other != number and rows[other].carrier is row.carrier:
            step = 1 if row.carrier is not None else _step(times)
            if step:
                return Part(atoms, row.steps, row=other, first=times[0], step=step)
    leaves = [interpreter.algebra.atoms[atom] for atom in atoms]
    if row.carrier is not None:
        atoms = (rematerialised_inputs.outside(interpreter, row, atoms[0]),)
        return _part_of_loop(row, atoms, interpreter.algebra.atoms[atoms[0]])
    if len(atoms) > 1 and all(isinstance(leaf, Leaf) for leaf in leaves):
        found = _along(leaves)
        if found is not None:
            time, first, step = found
            return Part(atoms, row.steps, None, time, first, step)
    return Part(atoms, row.steps)


def _part_of_loop(row: Row, atoms: tuple[int, ...], leaf: Any) -> Part:  # noqa: ANN401 - an atom
    assert row.carrier is not None
    name = row.carrier.counter.terms[0][0]
    found = enumerate(index_at(entry, name) for entry in getattr(leaf, "axes", ()))
    moving = [(axis, index) for axis, index in found if index is not None]
    if not moving:
        return Part(atoms, row.steps)
    axis, index = moving[0]
    step = index.factor(name)
    if len(moving) > 1 or step not in (1, -1):
        raise CannotWriteError("the steps of the input are not one behind the other")
    return Part(atoms, row.steps, None, axis, index - row.carrier.counter * step, step)


def _step(times: Sequence[Any]) -> int:
    """Return 1 for times that count up by one, -1 down, 0 for others."""
    if not all(isinstance(time, int) for time in times):
        return 0
    steps = {b - a for a, b in pairwise(times)}
    return steps.pop() if len(steps) == 1 and steps <= {1, -1} else int(not steps)


def _along(leaves: Sequence[Any]) -> tuple[int, int, int] | None:
    """Return axis, first index and step where leaves are one value read along an axis."""
    first = leaves[0]
    if any(leaf._replace(axes=()) != first._replace(axes=()) for leaf in leaves):
        return None
    columns = list(zip(*(leaf.axes for leaf in leaves), strict=True))
    moving = [axis for axis, entries in enumerate(columns) if len(set(entries)) > 1]
    if len(moving) != 1 or not all(isinstance(entry, ReadAt) for entry in columns[moving[0]]):
        return None
    times = [entry.position for entry in columns[moving[0]]]
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


def _range(part: Part) -> tuple[Count, Count]:
    """Return the first and the last (exclusive) index that is read."""
    lowest = part.first if part.step == 1 else part.first - (part.count - 1)
    return lowest, lowest + part.count


def _needs_count(interpreter: Interpreter, part: Part) -> bool:
    """Whether how much of a tensor is read is only known at run time."""
    if part.time is None:
        return False
    first, last = _range(part)
    name, axis = _place(interpreter, part)
    return (first, last) != (0, interpreter.dims(name)[axis]) and not (isinstance(first, int) and isinstance(last, int))


def written(writer: Writer, given: Source, rows: dict[int, tuple[str, bool, Count]]) -> str:
    """Write the input of a row as (T, B, features), in the order in which a GRU of its direction reads it.

    Args:
        writer: Where to.
        given: What the row reads.
        rows: For each row that has been written: its Y, whether it runs backwards, and its number of steps.

    """
    names: list[str] = []
    for part in sorted(given.parts, key=lambda part: part.time is None and part.row is None):
        if part.row is not None:
            name, step = _of_row(writer, part, rows[part.row]), part.step
        elif part.time is not None:
            name, step = _of_tensor(writer, part, given.count_name), part.step
        elif len(part.atoms) > 1 or part.count == 1:
            each = [writer.unsqueeze(writer.rows(atom, "x"), [0], "x") for atom in part.atoms]
            name, step = each[0] if len(each) == 1 else writer.node("Concat", each, "X", axis=0), 1
        else:
            name, step = _repeated(writer, part, names), -1 if given.reverse else 1
        if (step == -1) != given.reverse:
            name = writer.turned(name, part.count, "X_turned")
        names.append(name)
    ordered = sorted(given.parts, key=lambda part: part.time is None and part.row is None)
    by_part = dict(zip((part.atoms for part in ordered), names, strict=True))
    names = [by_part[part.atoms] for part in given.parts]
    return names[0] if len(names) == 1 else writer.node("Concat", names, "X", axis=2)


def _repeated(writer: Writer, part: Part, others: Sequence[str]) -> str:
    """Give every step the same values."""
    once = writer.unsqueeze(writer.rows(part.atoms[0], "x"), [0], "x")
    if isinstance(part.count, int):
        return writer.node("Tile", [once, writer.ints([part.count, 1, 1], "repeats")], "X_repeated")
    if not others:
        raise CannotWriteError("no input changes from step to step")
    shape = writer.node("Shape", [others[0]], "X_shape")
    length = writer.slice(shape, 0, 0, 1, "T")
    repeats = writer.node("Concat", [length, writer.ints([1, 1], "ones")], "repeats", axis=0)
    return writer.node("Tile", [once, repeats], "X_repeated")


def _of_row(writer: Writer, part: Part, other: tuple[str, bool, Count]) -> str:
    y, reverse, steps = other
    name = writer.squeeze(y, [1], "X")
    if part.count == steps:
        return writer.turned(name, steps, "X_turned") if reverse else name
    first, last = _range(part)
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(steps, int):
        raise CannotWriteError("a part of another row's states is read")
    if reverse:
        first, last = steps - last, steps - first
    name = writer.slice(name, 0, first, last, "X_part")
    # A row that runs backwards has its first state last.
    return writer.turned(name, part.count, "X_turned") if reverse else name


def _of_tensor(writer: Writer, part: Part, count_name: str) -> str:
    leaf = writer.algebra.atoms[part.atoms[0]]
    assert isinstance(leaf, Leaf)
    assert part.time is not None
    name, seen = writer.place(leaf)
    _, time = _place(writer.interpreter, part)
    dims = writer.interpreter.dims(name)
    first, last = _range(part)
    source_name = name
    if (first, last) != (0, dims[time]):
        if isinstance(first, int) and isinstance(last, int):
            name = writer.slice(name, time, first, last, "x_part")
        elif first == 0 and count_name:
            name = writer.slice_to(name, time, count_name, "x_part")
        else:
            raise CannotWriteError("how much of the input is read is not known")
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
    writer.batches += [Axis(source_name, axis, dims[axis]) for axis in free]
    seen[time] = whole(-1)
    return writer.steps(name, dims, seen, leaf, time, "X")


def _place(interpreter: Interpreter, part: Part) -> tuple[str, int]:
    """Return the tensor that a part is read from, and its axis of time."""
    leaf = interpreter.algebra.atoms[part.atoms[0]]
    assert isinstance(leaf, Leaf)
    assert part.time is not None
    name = interpreter.place(leaf.source)
    if name is None:
        raise CannotWriteError("an input is computed anew in every step")
    if leaf.source not in interpreter.algebra.defined:
        return name, part.time
    home = interpreter.home(interpreter.algebra.defined[leaf.source])
    if home is None or FreeAxis(part.time) not in home.value.axes:
        raise CannotWriteError("an input's axes lie together")
    return name, home.value.axes.index(FreeAxis(part.time))
