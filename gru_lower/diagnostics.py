"""Coded diagnostics: every finding, refusal and doubt has a code, a severity and a hint.

A code is registered once, in :data:`CODES`, and means the same thing everywhere: on the
command line, in the JSON report and in ``docs/diagnostics``. The hundreds tell the subject:

====== ====================================================
GL0xx  reading and writing files
GL1xx  a GRU that breaks the operator's rules
GL2xx  a GRU whose meaning is ambiguous or differs by runtime
GL3xx  lowering: what was kept, and why
GL4xx  targets
GL5xx  verification
GL6xx  frameworks
GL7xx  check: what a model would meet
GL8xx  fusing: what was seen and is no GRU, or was not fused
GL9xx  gru-lower itself
====== ====================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Code:
    """One registered code.

    Attributes:
        severity: How bad it is when nothing else says so.
        title: What the code means, in a few words.
        hint: What to do about it, in one line.

    """

    severity: Severity
    title: str
    hint: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding in one place.

    Attributes:
        code: A key of :data:`CODES`.
        message: One line saying what was found, with the numbers or names that matter.
        scope: The scope's path (``"main/if_7.then_branch"``), ``""`` where there is none.
        node: The site id or node name, ``""`` where there is none.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        hint: One line saying what to do about it.

    """

    code: str
    message: str
    scope: str
    node: str
    severity: Severity
    hint: str

    def to_json(self) -> dict[str, str]:
        """Return the object that stands in the JSON report's ``diagnostics``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "scope": self.scope,
            "node": self.node,
            "message": self.message,
            "hint": self.hint,
        }


CODES: dict[str, Code] = {}


def diagnostic(code: str, message: str, *, scope: str = "", node: str = "", hint: str | None = None) -> Diagnostic:
    """Build a diagnostic of a registered code, with the code's own severity and, unless given, its own hint."""
    entry = CODES[code]
    return Diagnostic(code, message, scope, node, entry.severity, entry.hint if hint is None else hint)


def _register(severity: Severity, entries: dict[str, tuple[str, str]]) -> None:
    CODES.update({code: Code(severity, title, hint) for code, (title, hint) in entries.items()})


_register(
    "error",
    {
        "GL001": ("The file cannot be read", "check the path and its permissions"),
        "GL002": ("The file is something else than an ONNX model", "export the model to ONNX first"),
        "GL003": ("The file is a damaged or incomplete ONNX model", "copy or export it again"),
        "GL004": ("The output cannot be written", "choose another -o, or allow replacing with --overwrite"),
        "GL005": ("The model is too large for one file", "save it with external data"),
        "GL006": ("External data is missing, too short or out of place", "copy the data file beside the model"),
        "GL007": ("A tensor's data does not fit its shape", "export the model again"),
        "GL008": ("A request cannot be understood", "see gru-lower --help"),
        "GL009": ("Given inputs cannot be read or do not fit the model", "an .npz with the inputs' names as keys"),
        "GL012": ("The opset cannot be converted", "export the model again with the newer opset"),
        "GL101": ("GRU: an input or output is missing", "export the model again"),
        "GL102": ("GRU: an attribute is unknown or mistyped", "check the model's opset against the attribute"),
        "GL103": ("GRU: the direction is unknown", "use forward, reverse or bidirectional"),
        "GL104": ("GRU: activations are unknown or too few", "name two per direction"),
        "GL106": ("GRU: clip is not above 0", "remove the attribute where no clipping is meant"),
        "GL107": ("GRU: hidden_size is unknown or contradicts R", "set hidden_size to R's last dimension"),
        "GL108": ("GRU: the inputs' shapes contradict each other", "export the model again"),
        "GL109": ("GRU: element types differ or are not taken", "cast the inputs to one float type"),
        "GL110": ("GRU: layout is neither 0 nor 1", "set layout to 0 (time-major) or 1 (batch-major)"),
        "GL112": ("GRU: the model imports no ONNX opset", "add an opset_import for the default domain"),
        "GL113": ("GRU: an activation parameter is not a number", "give finite values, or leave the list out"),
        "GL503": ("A model cannot be timed", "only what onnxruntime runs is timed"),
        "GL401": ("There is no such target", "name a profile that ships, or a .toml file"),
        "GL402": ("The file is no target profile", "compare it with one that ships"),
        "GL403": ("The target takes only static shapes", "fix the dims with --fix-dim"),
        "GL404": ("The target takes no such opset", "convert the model with --opset"),
        "GL804": ("Fewer GRUs were fused than required", "inspect lists what was seen, and why it was not fused"),
        "GL405": ("The runner of a probe does not run", "run the command by hand on a model"),
        "GL601": ("What was handed in is no GRU layer", "hand in the recurrent layer alone"),
        "GL602": ("The framework cannot express this GRU", "see docs/frameworks.md for what each of them can say"),
        "GL603": ("ONNX's GRU cannot express this layer", "see docs/frameworks.md for what maps onto the operator"),
        "GL604": (
            "Weights cannot be read, or do not fit",
            "hand in all weights of the layer, and what it was made with",
        ),
        "GL605": ("A GRU's weights are not constant", "fold constants first, or store the weights in the model"),
        "GL606": ("Which GRU is meant is not clear", "name it with --node, or node=, by its name, site or output"),
        "GL607": ("A framework is not installed", 'pip install "gru-lower[torch]", or another extra'),
        "GL901": ("gru-lower itself failed", "please report it with the model, or a part of it"),
    },
)
_register(
    "warning",
    {
        "GL011": ("Converting the opset dropped something", "export the model again with the newer opset"),
        "GL105": ("GRU: more activation parameters than are used", "drop the values that no function takes"),
        "GL201": (
            "GRU: an activation's default differs between runtimes",
            "write activation_alpha and activation_beta out; gru-lower does, with onnxruntime's values",
        ),
        "GL202": (
            "GRU: activation parameters read differently by position",
            "list values only for functions that take them",
        ),
        "GL203": ("GRU: bfloat16 below opset 22", "raise the model's opset to 22"),
        "GL803": ("A decomposed GRU that differs when it is fused", "please report it with the model"),
        "GL451": ("What the target takes was read, not run", "run `gru-lower probe` with the target's own runner"),
        "GL501": ("The rewritten model was not verified", "see the reason; hand in inputs with --inputs"),
        "GL701": (
            "The target would compute a GRU wrongly, without an error",
            "legalise or lower the model for the target",
        ),
        "GL702": ("The target rejects a GRU", "legalise or lower the model for the target"),
        "GL704": ("The target does not take a node", "remove it from the model, or use another target"),
        "GL705": ("The target does not take the model's opset", "convert the model with --opset"),
        "GL706": ("The target takes static shapes, and a dim is open", "fix it with --fix-dim"),
        "GL502": ("Only the rewritten sites were verified", "see the reason the whole model was not run"),
    },
)
_register(
    "note",
    {
        "GL010": ("The kind of object that was handed in cannot hold everything", "hand in a ModelProto or a path"),
        "GL111": ("GRU: an attribute is a parameter of the function around", "inline the function first"),
        "GL114": ("Kept: the opset is newer than the installed onnx knows", "upgrade the onnx package"),
        "GL301": ("Kept: lowering needs opset 7 or newer", "convert the model first: --opset 17"),
        "GL302": ("Kept: the form needs a static sequence length", "fix it with --fix-dim, or use --form scan"),
        "GL303": ("Kept: the form needs a sequence length of 1", "use --form auto"),
        "GL304": ("Kept: the form needs a newer opset", "use another --form, or convert the model: --opset 17"),
        "GL305": ("Kept: masks need a newer opset", "convert the model first: --opset 17"),
        "GL452": (
            "The target does not run a GRU right that is left",
            "see what it rejects, and the flag that would help",
        ),
        "GL453": ("The target does not take a node that is left", "remove it from the model, or use another target"),
        "GL703": (
            "Nobody has tried a GRU like this on the target",
            "run `gru-lower probe` with the target's own runner",
        ),
        "GL308": ("Kept: the target takes no such form", "use --form auto, or another --target"),
        "GL307": ("Kept: it needs an operator that may not be written", "allow it, or use another --form"),
        "GL504": ("A GRU could not be proved", "running the models still compares them; see the reason"),
        "GL801": ("A recurrence that is no GRU", "nothing, if it is not meant to be one; else mend the term"),
        "GL802": ("A decomposed GRU that cannot be fused", "see the reason; inspect lists what was seen"),
        "GL806": (
            "A decomposed GRU with a mask that is only known at run time",
            "where sequences are only ever padded at their end, add --assume right-padded",
        ),
        "GL807": (
            "What padding at the beginning would do",
            "make sure that sequences are only ever padded at their end",
        ),
        "GL805": ("Inputs are taken to have the same batch", "nothing, unless a batch of 1 was meant to be repeated"),
        "GL306": ("Kept: the element type is unknown", "run onnx.shape_inference, or add value_info"),
    },
)
