"""The codes of all diagnostics: severity, title and hint of each.

A code is registered once, in :data:`CODES`, and means the same thing everywhere: on the
command line, in the JSON report and in ``docs/diagnostics``. The hundreds tell the subject:

====== ====================================================
GL0xx  reading and writing files
GL1xx  a GRU that breaks the operator's rules
GL2xx  a GRU whose meaning is ambiguous or differs by runtime
GL3xx  lowering: what was kept, and why
GL4xx  targets
GL5xx  verification
GL6xx  frameworks, and from GL609 on measured speed
GL7xx  check: what a model would meet
GL8xx  fusing: what was seen and is no GRU, or was not fused; from GL851 on streaming
GL9xx  many models, and gru-lower itself
====== ====================================================
"""

from __future__ import annotations

from typing import Literal

from gru_lower.light_dataclass import dataclass

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


CODES: dict[str, Code] = {
    "GL001": Code("error", "The file cannot be read", "check the path and its permissions"),
    "GL002": Code("error", "The file is something else than an ONNX model", "export the model to ONNX first"),
    "GL003": Code("error", "The file is a damaged or incomplete ONNX model", "copy or export it again"),
    "GL004": Code("error", "The output cannot be written", "choose another -o, or allow replacing with --overwrite"),
    "GL005": Code("error", "The model is too large for one file", "save it with external data"),
    "GL006": Code(
        "error", "External data is missing, too short or out of place", "copy the data file beside the model"
    ),
    "GL007": Code("error", "A tensor's data does not fit its shape", "export the model again"),
    "GL008": Code("error", "A request cannot be understood", "see gru-lower --help"),
    "GL009": Code(
        "error", "Given inputs cannot be read or do not fit the model", "an .npz with the inputs' names as keys"
    ),
    "GL010": Code(
        "note", "The kind of object that was handed in cannot hold everything", "hand in a ModelProto or a path"
    ),
    "GL011": Code(
        "warning", "Converting the opset dropped something", "leave --opset out if what was dropped is needed"
    ),
    "GL012": Code("error", "The opset cannot be converted", "leave --opset out, or export the model again"),
    "GL013": Code("error", "The configuration cannot be read", "see docs/configuration.md for what may stand in it"),
    "GL014": Code(
        "note",
        "An output declared another length than --fix-dim gives it",
        "nothing: what it declares was put right; it had the length of the exporter's trace",
    ),
    "GL015": Code("error", "The model breaks ONNX's rules", "export it again; onnx.checker.check_model says more"),
    "GL016": Code("error", "Unrolling would add too many nodes", "use --form scan or loop, or allow more: --max-nodes"),
    "GL017": Code("error", "Too much would be computed from constants", "compute it beforehand, or export it smaller"),
    "GL018": Code("note", "A node was left alone, as reading it failed", "check the node; report it if it is right"),
    "GL019": Code("note", "Something was not computed or inferred", "declare it in value_info, or allow --memory"),
    "GL101": Code("error", "GRU: an input or output is missing", "export the model again"),
    "GL102": Code("error", "GRU: an attribute is unknown or mistyped", "check the model's opset against the attribute"),
    "GL103": Code("error", "GRU: the direction is unknown", "use forward, reverse or bidirectional"),
    "GL104": Code("error", "GRU: activations are unknown or too few", "name two per direction"),
    "GL105": Code("warning", "GRU: more activation parameters than are used", "drop the values that no function takes"),
    "GL106": Code("error", "GRU: clip is not above 0", "remove the attribute where no clipping is meant"),
    "GL107": Code("error", "GRU: hidden_size is unknown or contradicts R", "set hidden_size to R's last dimension"),
    "GL108": Code("error", "GRU: the inputs' shapes contradict each other", "export the model again"),
    "GL109": Code("error", "GRU: element types differ or are not taken", "cast the inputs to one float type"),
    "GL110": Code("error", "GRU: layout is neither 0 nor 1", "set layout to 0 (time-major) or 1 (batch-major)"),
    "GL111": Code("note", "GRU: an attribute is a parameter of the function around", "inline the function first"),
    "GL112": Code("error", "GRU: the model imports no ONNX opset", "add an opset_import for the default domain"),
    "GL113": Code("error", "GRU: an activation parameter is not a number", "give finite values, or leave the list out"),
    "GL114": Code("note", "Kept: the opset is newer than the installed onnx knows", "upgrade the onnx package"),
    "GL201": Code(
        "warning",
        "GRU: an activation's default differs between runtimes",
        "write activation_alpha and activation_beta out; gru-lower does, with onnxruntime's values",
    ),
    "GL202": Code(
        "warning",
        "GRU: activation parameters read differently by position",
        "list values only for functions that take them",
    ),
    "GL203": Code("warning", "GRU: bfloat16 below opset 22", "raise the model's opset to 22"),
    "GL301": Code("note", "Kept: lowering needs opset 7 or newer", "convert the model first: --opset 17"),
    "GL302": Code("note", "Kept: the form needs a static sequence length", "fix it with --fix-dim, or use --form scan"),
    "GL303": Code("note", "Kept: the form needs a sequence length of 1", "use --form auto"),
    "GL304": Code("note", "Kept: the form needs a newer opset", "use another --form, or convert the model: --opset 17"),
    "GL306": Code("note", "Kept: the element type is unknown", "run onnx.shape_inference, or add value_info"),
    "GL307": Code("note", "Kept: it needs an operator that may not be written", "allow it, or use another --form"),
    "GL308": Code("note", "Kept: the target takes no such form", "use another target"),
    "GL315": Code(
        "note",
        "A lowered graph masks by infinite constants, which int8 does not survive",
        "before static int8: lower the original with --mask where, or for a --target that is quantised for",
    ),
    "GL321": Code("note", "Kept: int8 needs opset 11 or newer", "convert the model first: --opset 17"),
    "GL322": Code("note", "Kept: only float32 GRUs are quantised", "convert the model to float32 first"),
    "GL323": Code("note", "Kept: only constant weights are quantised", "export the model with constant weights"),
    "GL324": Code("error", "There is no GRU to quantise", "fuse a decomposed one first"),
    "GL325": Code("note", "Kept: int8 would not make it faster", "for the size, quantise all: --all"),
    "GL326": Code("error", "int4 weights need opset 21 or onnxruntime's operators", "--opset 21, or --dialect ort"),
    "GL332": Code("note", "Kept: its weights are quantised already", "quantise the float model"),
    "GL333": Code(
        "note", "Kept: its weights hold NaN or infinities", "check the training; such weights make NaN of everything"
    ),
    "GL334": Code("note", "Kept: the opset's DequantizeLinear does not serve", "convert the model first: --opset 21"),
    "GL335": Code("note", "Kept: it stands in a body or a function", "without --static, int8 reaches every scope"),
    "GL336": Code(
        "error", "The calibration inputs do not serve", "give inputs that the model runs on: --static CASES.npz"
    ),
    "GL337": Code(
        "note",
        "onnxruntime runs quantised weights fast with a session option",
        "set it, or write --foldable where nobody can",
    ),
    "GL338": Code("note", "Kept: no runtime takes such a GRU node quantised", "leave --keep-node out, to lower it"),
    "GL401": Code("error", "There is no such target", "name a profile that ships, or a .toml file"),
    "GL402": Code("error", "The file is no target profile", "compare it with one that ships"),
    "GL403": Code("error", "The target takes only static shapes", "fix the dims with --fix-dim"),
    "GL404": Code("error", "The target takes no such opset", "convert the model with --opset"),
    "GL405": Code("error", "The runner of a probe does not run", "run the command by hand on a model"),
    "GL451": Code(
        "warning", "What the target takes was read, not run", "run `gru-lower probe` with the target's own runner"
    ),
    "GL452": Code(
        "note", "The target does not run a GRU right that is left", "see what it rejects, and the flag that would help"
    ),
    "GL453": Code(
        "note", "The target does not take a node that is left", "remove it from the model, or use another target"
    ),
    "GL501": Code("warning", "The rewritten model was not verified", "see the reason; hand in inputs with --inputs"),
    "GL502": Code("warning", "Only the rewritten sites were verified", "see the reason the whole model was not run"),
    "GL503": Code("error", "A model cannot be timed", "only what onnxruntime runs is timed"),
    "GL504": Code("note", "A GRU could not be proved", "running the models still compares them; see the reason"),
    "GL505": Code("error", "There is no such execution provider", "name one that the installed onnxruntime has"),
    "GL506": Code("warning", "An input's dim is fixed", "export it as dynamic again"),
    "GL507": Code("warning", "The inputs come in another order", "feed inputs by name"),
    "GL508": Code(
        "warning",
        "An input with a default is gone",
        "keep the initializer as an input",
    ),
    "GL509": Code(
        "warning",
        "An input with a default is without effect",
        "connect what it should act on",
    ),
    "GL510": Code(
        "warning",
        "Only one of two models draws noise",
        "draw it in both, with the same operator in the same place",
    ),
    "GL601": Code("error", "What was handed in is no GRU layer", "hand in the recurrent layer alone"),
    "GL602": Code(
        "error", "The framework cannot express this GRU", "see docs/frameworks.md for what each of them can say"
    ),
    "GL603": Code(
        "error", "ONNX's GRU cannot express this layer", "see docs/frameworks.md for what maps onto the operator"
    ),
    "GL604": Code(
        "error", "Weights cannot be read, or do not fit", "hand in all weights of the layer, and what it was made with"
    ),
    "GL605": Code(
        "error", "A GRU's weights are not constant", "fold constants first, or store the weights in the model"
    ),
    "GL606": Code(
        "error", "Which GRU is meant is not clear", "name it with --node, or node=, by its name, site or output"
    ),
    "GL607": Code("error", "A framework is not installed", 'pip install "gru-lower[torch]", or another extra'),
    "GL609": Code(
        "error", "A target was not measured in the precision that is named", "leave --precision out, or probe --time"
    ),
    "GL610": Code("error", "A preference is named and no target", "add --target NAME"),
    "GL611": Code(
        "error", "The runner says nothing of time", "let it write __seconds__ beside the outputs; see examples/runners"
    ),
    "GL612": Code("error", "Nothing could be timed", "run the command by hand on a model; raise --timeout"),
    "GL701": Code(
        "warning",
        "The target would compute a GRU wrongly, without an error",
        "legalise or lower the model for the target",
    ),
    "GL702": Code("warning", "The target rejects a GRU", "legalise or lower the model for the target"),
    "GL703": Code(
        "note", "Nobody has tried a GRU like this on the target", "run `gru-lower probe` with the target's own runner"
    ),
    "GL704": Code("warning", "The target does not take a node", "remove it from the model, or use another target"),
    "GL705": Code("warning", "The target does not take the model's opset", "convert the model with --opset"),
    "GL706": Code("warning", "The target takes static shapes, and a dim is open", "fix it with --fix-dim"),
    "GL711": Code(
        "warning",
        "torch's nn.GRU without linear_before_reset",
        "set linear_before_reset to 1, or export it again with a newer onnxscript",
    ),
    "GL712": Code(
        "warning",
        "A Reshape holds a length where the sequence is dynamic",
        "write 0 or -1 into its shape, or export with the length named as dynamic",
    ),
    "GL713": Code(
        "warning",
        "The state a stateful layer had at the export is a constant",
        "export with stateful=False, or with the state as an input and an output",
    ),
    "GL714": Code(
        "warning", "A GRU's weights are inputs of the model", "store them as initializers: freeze the model on export"
    ),
    "GL715": Code(
        "warning",
        "A lowered GRU may have lost its recurrent candidate bias",
        "lower the original again, and verify: gru-lower verify ORIGINAL THIS",
    ),
    "GL716": Code("warning", "A GRU or a cell that nothing uses", "remove it, or connect what was meant to be used"),
    "GL717": Code("warning", "The same GRU is computed twice", "compute it once"),
    "GL721": Code("warning", "GRU: layout 1, which runtimes refuse or ignore", "set layout to 0, between transposes"),
    "GL722": Code(
        "warning", "GRU: hidden_size is not written", "write it: onnxruntime does not load the node without it"
    ),
    "GL723": Code(
        "note",
        "A provider of onnxruntime would compute this GRU wrongly",
        "run it on the CPU provider, or lower it: --target with the provider's profile",
    ),
    "GL724": Code(
        "note",
        "GRU of opset 22: some providers of onnxruntime have no kernel",
        "export with opset 21 or older where it is to run there",
    ),
    "GL725": Code(
        "warning",
        "onnxruntime corrupts this Scan's outputs",
        "put an Identity before the output: no output of the body may be an input, or stand there twice",
    ),
    "GL731": Code("note", "A decomposed GRU that could be a GRU node", "gru-lower fuse makes a GRU of it"),
    "GL732": Code("note", "Too long to look for decomposed GRUs", "gru-lower inspect looks at models of any length"),
    "GL733": Code(
        "warning",
        "Nodes stand in front of what they use",
        "gru-lower check --fix writes them in order; other tools may refuse the model, or read it wrongly",
    ),
    "GL734": Code(
        "error",
        "A value that nothing makes",
        "no runtime loads such a model: see which tool wrote it last, or export it again",
    ),
    "GL735": Code(
        "warning",
        "X's batch is open, and that of another input is fixed",
        "export with the batch of every input named as dynamic: dynamic_axes, or dynamic_shapes",
    ),
    "GL736": Code(
        "warning",
        "Batch and time are one axis in front of a GRU",
        "keep the batch an axis of its own: [T, B, I] for the GRU, not [T * B, 1, I]",
    ),
    "GL737": Code(
        "warning",
        "An input for lengths that no node reads",
        "connect it as the GRU's sequence_lens, or take it out of the inputs",
    ),
    "GL738": Code(
        "warning",
        "The final states of a lower layer are lost",
        "export the layers one by one, or concatenate the Y_h of all of them",
    ),
    "GL739": Code(
        "warning", "An output declares another shape than the graph gives it", "declare the shape that the graph gives"
    ),
    "GL740": Code("error", "Element types that clash", "cast one of them; no runtime loads such a model"),
    "GL741": Code(
        "error",
        "An operator that ONNX does not have at the model's opset",
        "export the model again, with a newer exporter or opset",
    ),
    "GL742": Code(
        "note",
        "A state that is an output and is read inside, too",
        "nothing, unless the model goes through a float16 converter that keeps the types of outputs",
    ),
    "GL743": Code(
        "error",
        "A node as an older opset has it",
        "import the opset the nodes are written for, or write them as the model's has them",
    ),
    "GL801": Code("note", "A recurrence that is no GRU", "nothing, if it is not meant to be one; else mend the term"),
    "GL802": Code("note", "A decomposed GRU that cannot be fused", "see the reason; inspect lists what was seen"),
    "GL803": Code("warning", "A decomposed GRU that differs when it is fused", "please report it with the model"),
    "GL804": Code(
        "error", "Fewer GRUs were fused than required", "inspect lists what was seen, and why it was not fused"
    ),
    "GL805": Code(
        "note", "Inputs are taken to have the same batch", "nothing, unless a batch of 1 was meant to be repeated"
    ),
    "GL806": Code(
        "note",
        "A decomposed GRU with a mask that is only known at run time",
        "where sequences are only ever padded at their end: gru-lower fuse --assume right-padded",
    ),
    "GL807": Code(
        "note", "What padding at the beginning would do", "make sure that sequences are only ever padded at their end"
    ),
    "GL808": Code(
        "warning",
        "Empty sequences or batches that a loop took are taken no more",
        "nothing where none occur; else add --empty guard, or --empty keep",
    ),
    "GL809": Code(
        "note",
        "A decomposed GRU whose gates are projected ahead",
        "add --projected for a GRU that reads what is projected, with a W that only selects features",
    ),
    "GL851": Code(
        "error",
        "A node needs every frame before it can give the first",
        "put a running mean or norm in its place; or accept a window with --chunk K --context N",
    ),
    "GL852": Code(
        "error", "Every frame meets every other", "attention over time cannot be streamed; or --chunk K --context N"
    ),
    "GL853": Code(
        "error",
        "A value is different for each frame, and is no part of the stream",
        "make it an input that takes frames, or compute it from one; or --chunk K --context N",
    ),
    "GL854": Code(
        "error",
        "Time is read from the end",
        "train a forward one; or accept a window with --chunk K --context N",
    ),
    "GL855": Code("error", "Time is taken apart", "export the model with time left whole; or --chunk K --context N"),
    "GL856": Code("error", "The chunk is no multiple of a stride", "hand in more frames at once with --chunk"),
    "GL857": Code("error", "Padding along time that a stream cannot have", "export it with zeros as padding"),
    "GL858": Code("error", "Branches that do not run at the same pace meet", "make them equally fast and long"),
    "GL859": Code("error", "What a node does along time is not known", "accept a window with --chunk K --context N"),
    "GL860": Code(
        "error",
        "A Loop, Scan or If over time",
        "gru-lower inspect says why it is no GRU; or accept a window with --chunk K --context N",
    ),
    "GL861": Code("error", "It is not known which axis is time", "say it with --time NAME:AXIS"),
    "GL862": Code("error", "There is no such axis", "write it like --time INPUT:1"),
    "GL863": Code("error", "The model is streamed already", "stream the model it was made of"),
    "GL864": Code("warning", "The model is streamed by windows", "nothing, if the difference is small enough"),
    "GL865": Code(
        "warning",
        "A state is lost between frames",
        "gru-lower stream makes the state an input and an output",
    ),
    "GL866": Code("warning", "sequence_lens is gone", "hand in the frames of a sequence only, and none of its padding"),
    "GL867": Code("error", "More frames would be kept than a stream can hold", "see whether so many are meant"),
    "GL869": Code("error", "What a streamed model says of itself cannot be read", "stream the model again"),
    "GL901": Code("error", "gru-lower itself failed", "please report it with the model, or a part of it"),
    "GL950": Code("error", "No model matches", "see what lies there; ** stands for any number of folders"),
    "GL951": Code(
        "error",
        "Two results of a batch would have the same place",
        "quote one pattern with both below its first wildcard: 'models/**/*.onnx'",
    ),
    "GL952": Code(
        "error", "A worker cannot do what it will be asked to", "name places that all workers share; or --cluster local"
    ),
    "GL953": Code("error", "No workers can be had", "check the address of the scheduler; or --cluster none"),
    "GL954": Code("error", "The scheduler was lost", "run the same command again: it resumes"),
    "GL955": Code("error", "A model took too long", "allow it more with --time-limit, or run it by itself with -vv"),
    "GL956": Code("error", "A model needed too much memory", "allow it more with --memory, or use fewer --workers"),
    "GL957": Code("error", "The process that worked on a model died", "run the model by itself, and report it"),
    "GL958": Code("error", "The workers on which a model ran were lost", "see what ended them: memory, most likely"),
    "GL959": Code("error", "A place cannot be read or written", "check the address, credentials and permissions"),
    "GL960": Code("error", "The journal of a batch cannot be used", "name another file with --journal"),
    "GL970": Code("error", "A report cannot go there", "name a file that ends in .html or .md with --report"),
    "GL975": Code("error", "The run was interrupted", "run the same command again"),
    "GL976": Code("error", "The baseline cannot be used", "check --baseline; --write-baseline writes it"),
    "GL977": Code("note", "A known finding is gone", "write the baseline anew with --write-baseline"),
    "GL978": Code("note", "The quantised model is larger", "take --weights-only, or leave --all out"),
}
