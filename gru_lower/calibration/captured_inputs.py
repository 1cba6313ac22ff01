"""Run a model on calibration inputs and keep what goes into its GRUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.graph.facts import MAIN
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.worker.run_failure import RunFailure
from gru_lower.verification.worker.runtimes import RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.worker.client import Worker


def capture_inputs(
    model: Model, grus: Mapping[str, tuple[Scope, GruSpec]], cases: Sequence[Feeds], facts: Facts, worker: Worker
) -> dict[str, list[Feeds]]:
    """Return what goes into GRUs of the main graph, by ONNX's input names, for each case.

    Args:
        model: The model, which is left as it is.
        grus: The GRUs by site. Those of other scopes are left out: they run any number of times, or not at all.
        cases: The model's inputs.
        facts: What is known of its values; constants are not captured but read.
        worker: Where to run.

    Raises:
        Unsupported: The model does not run on a case.

    """
    chosen = {site: (scope, spec) for site, (scope, spec) in grus.items() if scope.path == MAIN}
    constants = {
        (site, key): array
        for site, (scope, spec) in chosen.items()
        for key, name in spec.inputs.items()
        if (array := facts.array(scope, name)) is not None
    }
    wanted = {
        name: None
        for site, (_, spec) in chosen.items()
        for key, name in spec.inputs.items()
        if (site, key) not in constants
    }
    found: dict[str, list[Feeds]] = {site: [] for site in chosen}
    for number, case in enumerate(cases, 1):
        values = _captured(model, list(wanted), case, worker, number) if wanted else {}
        for site, (_, spec) in chosen.items():
            found[site].append(
                {
                    key: constants[site, key] if (site, key) in constants else values[name]
                    for key, name in spec.inputs.items()
                }
            )
    return found


def _captured(model: Model, wanted: Sequence[str], case: Feeds, worker: Worker, number: int) -> Feeds:
    """Return values in onnxruntime or, where that has no kernel for the model, in onnx's evaluator."""
    failure: RunFailure | None = None
    for runtime in RUNTIMES:
        try:
            return capture_values(model.proto, wanted, case, worker, model.base_dir, runtime)
        except RunFailure as error:
            failure = failure or error
    raise Unsupported(
        f"the model does not run on calibration case {number}: {failure}",
        code="GL336",
        hint="check the shapes and values of the calibration inputs",
    ) from failure
