"""Coverage-guided fuzzing over the bytes of files, by atheris: ``python -m fuzzing.over_bytes [-runs=N]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gru_lower"]):
    import zoo
    from fuzzing.judge import COMMANDS, Folder


def main() -> None:
    """Fuzz until something goes wrong, or as often as -runs says."""
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as corpus:
        folder = Folder(Path(root))
        models = zoo.everything(), zoo.nested(), zoo.gru_model(initializers=zoo.weights().values())
        for number, model in enumerate(models):
            (Path(corpus) / str(number)).write_bytes(model.SerializeToString())

        def judged(raw: bytes) -> None:
            words = COMMANDS[len(raw) % len(COMMANDS)]
            wrong = folder.wrong(raw, words)
            if wrong:
                raise RuntimeError(f"{' '.join(words)}: {wrong}")

        atheris.Setup([*sys.argv, corpus], judged)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
