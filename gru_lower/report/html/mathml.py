"""Equations as MathML, which browsers show without any script."""

from __future__ import annotations

import re

from gru_lower.report.html.escaping import text

TOKEN = re.compile(r"initial_h|[A-Za-zσ]+|\d+(?:\.\d+)?(?:e-?\d+)?|\S")
OPERATORS = "=+-∘(),*"


def mathml(line: str) -> str:
    """Return an equation as MathML.

    Args:
        line: As :mod:`gru_lower.report.sections.equations` spells it.

    """
    return f'<math display="block"><mrow>{_Reader(line).row()}</mrow></math>'


class _Reader:
    def __init__(self, line: str) -> None:
        self._words = TOKEN.findall(line)
        self.place = 0

    def row(self) -> str:
        """Read up to the end, or to a closing brace."""
        parts: list[str] = []
        while self.place < len(self._words) and self._words[self.place] != "}":
            parts.append(self._scripted())
        return "".join(parts)

    def _scripted(self) -> str:
        """Read an atom with its subscript and superscript."""
        base, scripts = self._atom(), {}
        while self.place < len(self._words) and self._words[self.place] in "_^":
            mark = self._words[self.place]
            self.place += 1
            scripts[mark] = self._atom()
        if len(scripts) == 2:
            return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
        if scripts:
            mark, script = next(iter(scripts.items()))
            tag = "msub" if mark == "_" else "msup"
            return f"<{tag}>{base}{script}</{tag}>"
        return base

    def _atom(self) -> str:
        word = self._words[self.place]
        self.place += 1
        if word == "{":
            inside = self.row()
            self.place += 1
            return f"<mrow>{inside}</mrow>"
        if word in OPERATORS:
            return f"<mo>{'−' if word == '-' else text(word)}</mo>"
        if word[0].isdigit():
            return f"<mn>{text(word)}</mn>"
        return f"<mi>{text(word)}</mi>"
