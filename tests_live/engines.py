"""The engines, and what each takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from tests_live.engine import PYTHON, Engine
from tests_live.grid import cells


@dataclass(frozen=True)
class Kind:
    """What there is to know about an engine to test it.

    Attributes:
        package: The distribution whose version is the engine's, or the path of a package.json.
        target: The name of its profile.
        static: Whether real models need static shapes, for operators of their own.
        lacks: Real models it does not take for an operator that is the model's own: which, and what it says; by the
            model's name, or by that and the command, where it takes what another command makes of the model.
        wrong: Real models with an operator of their own that it computes wrongly: which.
        fails: Real models with a GRU that it does not build, though no option of a profile tells it: what it says, by
            the model's name and the command; and cells, by their name, and random GRUs, by their number.
        refuses: Features that no flag helps to a model for it, as cells and refusals name them.
        lacks_types: Types that it has no tensors of, so that no Cast around a GRU helps.
        not_portable: Cells that it does not run as ``--target portable`` writes them.
        form_right: How many cells have to be right in each form at least.
        random_right: How many of sixty random GRUs have to be right at least.
        here: Whether its runner keeps something open from model to model.
        constant_outputs: Whether it takes models with an output that no input reaches.
        finite: Whether its inputs are finite numbers alone: what stands in padding is 0 there, not NaN.
        runner: Whose runner runs it, where that is another engine's.
        tolerance: How far off a value may be at least, for one that computes in less than the model's type.
        every: Of the grid's cells and of the random GRUs, every how-manieth is run unless ``--every`` says otherwise:
            for one that takes seconds for each. It is odd, since cells come in pairs; the floors are those of the rest.

    """

    package: str
    target: str = "portable"
    static: bool = False
    lacks: dict[str, tuple[str, str]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    fails: dict[str, str] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    lacks_types: tuple[str, ...] = ()
    not_portable: tuple[str, ...] = ()
    form_right: int = 60
    random_right: int = 55
    here: bool = False
    constant_outputs: bool = True
    finite: bool = False
    runner: str = ""
    tolerance: float = 0.0
    every: int = 1


PACKAGE_JSON = f"{os.environ.get('ONNXRUNTIME_WEB', 'node_modules/onnxruntime-web')}/package.json"
ONNXJS_JSON = f"{os.environ.get('ONNXJS', 'node_modules/onnxjs')}/package.json"
LITERT_JSON = f"{os.environ.get('LITERT_JS', 'node_modules/@litertjs')}/core/package.json"
AECMOS, PLCMOS, GTCRN = "aecmos_Run_1663829550_Stage_0", "plcmos_v1_nonintrusive", "gtcrn_stream_simple"
HALF = 2e-2
"""How far off an engine may be that computes in 16 bits."""
KINDS = {
    "onnxruntime": Kind("onnxruntime", "onnxruntime"),
    "onnxruntime_web": Kind(PACKAGE_JSON, "onnxruntime", here=True),
    "onnxruntime_webgpu": Kind(
        PACKAGE_JSON,
        "onnxruntime-webgpu",
        refuses=("float16", "float64"),
        lacks_types=("float16",),  # the adapter in software is one without shader-f16
        not_portable=("float16", "float64"),
        random_right=25,
        wrong={GTCRN: "Conv"},  # of 9 channels
        here=True,
    ),
    "reference": Kind(
        "onnx", lacks={GTCRN: ("ConvTranspose", "could not broadcast")}, refuses=("sequence_lens",), random_right=20
    ),
    "openvino": Kind("openvino", "openvino", lacks={PLCMOS: ("Squeeze", "Squeeze operation with dynamic rank")}),
    "tract": Kind("tract", "tract", lacks=dict.fromkeys((AECMOS, PLCMOS), ("Squeeze", "expected attribute 'axes'"))),
    "mnn": Kind("MNN", "mnn"),
    "opencv": Kind(
        "opencv-python-headless",
        "opencv5",
        static=True,
        not_portable=("large lbr1", "large lbr0"),  # its Tanh is NaN from 45 on
    ),
    "opencv4": Kind(
        "opencv-python-headless",
        "opencv4",
        static=True,
        lacks={
            AECMOS: ("Concat", "(onnx_node!Concat_49) parse error"),
            PLCMOS: ("Squeeze", "(onnx_node!Squeeze_48) parse error"),
            GTCRN: ("ConvTranspose", "'total(os[i])' is -3696"),
        },
        refuses=("sequence_lens", "computed weights", "inputs W R B"),
        not_portable=("inputs W R B",),
        random_right=15,
        constant_outputs=False,
        runner="opencv",
    ),
    "ncnn": Kind(
        "ncnn",
        "ncnn",
        static=True,
        lacks={AECMOS: ("Conv", "ncnn cannot load what pnnx wrote")},
        refuses=("sequence_lens", "ThresholdedRelu", "float64", "every GRU"),
        not_portable=("activations ThresholdedRelu", "float16", "float64"),
        random_right=12,
        form_right=50,
    ),
    "emx": Kind("emx-onnx-cgen", "emx", static=True, random_right=60, form_right=40),
    "iree": Kind(
        "iree-base-compiler",
        "iree",
        static=True,
        lacks={GTCRN: ("ConvTranspose", "op expected reassociation map")},
        refuses=("float64",),
        random_right=10,
        form_right=40,
    ),
    "jaxonnxruntime": Kind(
        "jaxonnxruntime",
        "jaxonnxruntime",
        static=True,
        lacks={GTCRN: ("Pad", "Pad version 11 is not implemented")},
        refuses=("sequence_lens", "ThresholdedRelu", "every GRU"),
        not_portable=(
            *("clip lbr1", "clip lbr0", "activations ThresholdedRelu", "activations bidirectional"),
            *("activations HardSigmoid", "activations HardSigmoid default"),
        ),
        random_right=15,
        form_right=59,
        here=True,
    ),
    "onnx2tf": Kind(
        "onnx2tf",
        "onnx2tf",
        static=True,
        lacks={
            GTCRN: ("Split", "Number of ways to split"),
            f"{GTCRN} legalize": ("MatMul", "Dimensions must be equal"),
            PLCMOS: ("Gather", "indices_has_only_positive_elements"),
        },
        fails={"sleepecg_ws_gru_mesa_default legalize": "KeyError: 'Identity:0'"},  # an output without its name
        not_portable=("inputs W R B",),  # the Transpose of a square matrix is lost
        lacks_types=("float16", "float64"),  # inputs and outputs become float32, whatever they were
        form_right=10,
        random_right=3,
        constant_outputs=False,  # their names are lost
        every=5,
    ),
    "tflite_micro": Kind(
        "tflite-micro",
        "tflite-micro",
        static=True,
        refuses=("float16", "float64"),
        lacks_types=("float16", "float64"),
        not_portable=(
            *("inputs W R B", "activations bidirectional"),
            *("activations HardSigmoid", "activations HardSigmoid default"),  # "Didn't find op for builtin opcode"
        ),
        form_right=3,
        random_right=1,
        constant_outputs=False,  # their names are lost
        every=15,
    ),
    "vela": Kind(
        "ethos-u-vela",
        "vela",
        static=True,
        finite=True,
        tolerance=HALF,
        refuses=(
            *("activations Softsign", "activations ThresholdedRelu", "activations bidirectional", "inputs W R B"),
            *("Elu", "Softplus", "float16", "float64"),
        ),
        lacks_types=("float16", "float64"),
        not_portable=(
            # Their bias is quantised in the scale of the first step, see decision 101.
            *("initial_h lbr1", "initial_h bidirectional lbr1", "layout initial_h", "dynamic initial_h"),
            # "Quantization to 16x8-bit not yet supported for op"
            *("activations Softplus", "activations ThresholdedRelu", "activations HardSigmoid"),
            *("activations HardSigmoid default", "activations Softsign", "activations Elu", "large Elu"),
            *("activations bidirectional", "inputs W R B"),
        ),
        form_right=3,
        random_right=1,
        constant_outputs=False,  # two are exchanged, or their axes
        every=15,
    ),
    "litert_js": Kind(
        LITERT_JSON,
        "litert-js",
        static=True,
        here=True,
        refuses=("float16", "float64"),
        lacks_types=("float16", "float64"),
        not_portable=("inputs W R B",),
        form_right=3,
        random_right=1,
        constant_outputs=False,  # their names are lost
        every=15,
    ),
    "sofie": Kind(
        "sofie",
        "sofie",
        static=True,
        lacks={
            **dict.fromkeys((AECMOS, PLCMOS), ("Reshape", "zero value in shape is not allowed")),
            GTCRN: ("PRelu", "PRelu is not yet supported"),
        },
        refuses=("float16",),
        not_portable=("float16",),
        random_right=41,
        form_right=40,
    ),
    "aidge": Kind(
        "aidge-onnx",
        "aidge",
        static=True,
        lacks={
            GTCRN: ("Conv", "aidge does not take Conv"),
            "rnnoise_v1_orig": ("Concat", "Every input must have the same DataFormat"),
        },
        refuses=("sequence_lens", "a sequence length of 0", "float16", "float64"),
        lacks_types=("float16", "float64"),
        not_portable=("float16", "float64"),
        random_right=13,
    ),
    "esp_ppq": Kind(
        "esp-ppq",
        "esp-ppq",
        static=True,
        lacks={
            GTCRN: ("Reshape", "Op Execution Error"),
            f"{PLCMOS} lower": ("Concat", "Num of Input: 512"),  # onnxsim, which it calls, makes one of our tree
        },
        not_portable=("float16",),
        random_right=26,
        constant_outputs=False,
    ),
    "onnxruntime_qnn": Kind(
        "onnxruntime-qnn",
        "onnxruntime-qnn",
        static=True,
        tolerance=HALF,
        lacks={GTCRN: ("Reshape", "left to the CPU")},  # of six axes, and what stands before it; two ConvTranspose
        refuses=("float64", "Softplus"),
        lacks_types=("float64",),
        not_portable=("float64", "large Softplus", "large Elu"),
        form_right=59,
        random_right=37,
        constant_outputs=False,
    ),
    "onnxruntime_openvino": Kind(
        "onnxruntime-openvino",
        "onnxruntime-openvino",
        static=True,
        form_right=59,
        random_right=51,
        constant_outputs=False,  # one that it joins with others: "Y node not found in graph cache", or signal 11
    ),
    "onnxruntime_training": Kind(
        "onnxruntime-training",
        "onnxruntime-training",
        static=True,
        lacks={
            AECMOS: ("ReduceMax", "gradient builder has not been registered: ReduceMax"),
            GTCRN: ("PRelu", "gradient builder has not been registered: PRelu"),
        },
        refuses=("lbr0", "no B", "float16", "float64", "Relu as g", "linear_before_reset = 0"),
        lacks_types=("float16", "float64"),
        not_portable=(
            *(
                "plain lbr0",
                "reverse lbr0",
                "bidirectional lbr0",
                "layout lbr0",
                "layout bidirectional lbr0",
                "clip lbr0",
            ),
            *("no B lbr1", "no B lbr0", "only Y lbr0", "only Y_h lbr0", "one step lbr0", "large lbr0", "large Elu"),
            *("activations Softsign", "activations Elu", "activations HardSigmoid", "activations HardSigmoid default"),
            *("activations bidirectional", "float16", "float64"),
        ),
        form_right=45,
        random_right=7,
        constant_outputs=False,
    ),
    "onnxruntime_jsep": Kind(
        PACKAGE_JSON,
        "onnxruntime-jsep",
        wrong={GTCRN: "Transpose"},  # of [1, 257, 1]
        # A node of float16 is right, views around it are not on an adapter without that type.
        fails=dict.fromkeys(("15", "26", "55"), "is off by"),
        not_portable=("float16",),
        form_right=59,
        random_right=40,
        here=True,
    ),
    "onnxruntime_webnn": Kind(
        PACKAGE_JSON,
        "onnxruntime-webnn",
        static=True,
        fails=dict.fromkeys((f"{GTCRN} lower", f"{GTCRN} legalize"), "the page has crashed"),
        refuses=("float64",),
        lacks_types=("float64",),
        not_portable=("float64",),
        form_right=11,  # of a Loop; 60 and more of the others
        random_right=40,
        here=True,
        constant_outputs=False,
    ),
    "onnx2coreml": Kind(  # what converts; it runs on Apple's systems alone
        "onnx2coreml",
        "onnx2coreml",
        static=True,
        not_portable=("activations Softsign", "activations bidirectional"),
    ),
    "nnoir": Kind(
        "nnoir-onnx",
        "nnoir",
        static=True,
        lacks={AECMOS: ("ReduceMax", "converting from ReduceMax is undefined")},
        fails={
            "sequence_lens constant": "converting from Constant is undefined",  # a Concat of a constant
            "14": "UnsupportedONNXOperation",  # the same, in so many bytes that the last words are lost
            **dict.fromkeys((f"{PLCMOS} lower", f"{PLCMOS} legalize"), "maximum recursion depth exceeded"),
        },
        refuses=("inputs W R B", "sequence_lens", "every GRU", "Softplus", "ThresholdedRelu", "float16", "float64"),
        lacks_types=("float16", "float64"),
        not_portable=(
            *("clip lbr1", "clip lbr0", "sequence_lens constant", "large Softplus", "float16", "float64"),
            *("activations Softplus", "activations ThresholdedRelu"),
        ),
        form_right=56,
        random_right=10,
        constant_outputs=False,
    ),
    "onnxjs": Kind(
        ONNXJS_JSON,
        "onnxjs",
        refuses=("layout", "sequence_lens", "every GRU", "opset 7", "float16", "ThresholdedRelu"),
        lacks_types=("float16",),
        not_portable=tuple(cell.name for cell in cells()),  # that is opset 13 and newer, which it does not take
        form_right=47,
        random_right=2,
        constant_outputs=False,
    ),
    "nxrt": Kind(
        "nxrt",
        "nxrt",
        lacks={
            GTCRN: ("PRelu", "no handler for ai.onnx::PRelu at opset 11"),
            "sleepecg_ws_gru_mesa_default": ("MatMul", "output element count 1 does not match"),
        },
        form_right=59,
    ),
    "onnx2fx": Kind("onnx2fx", "onnx2fx", lacks={PLCMOS: ("Gather", "index out of range in self")}),  # a negative one
    "coreai": Kind("coreai-core", "coreai", lacks={AECMOS: ("MaxPool", "requires static spatial input dims")}),
    "onnx2kerastl": Kind(
        "onnx2kerastl",
        "onnx2kerastl",
        static=True,
        fails={
            **dict.fromkeys((f"{PLCMOS} lower", f"{PLCMOS} legalize"), "maximum recursion depth exceeded"),
            **dict.fromkeys((f"{GTCRN} lower", f"{GTCRN} legalize"), "zip() argument 2 is shorter"),  # lost outputs
            # Outputs that nobody asked for, where lengths and initial_h are constants.
            **dict.fromkeys(("40", "44", "58"), "zip() argument 2 is longer"),
        },
        refuses=("sequence_lens", "inputs W R B", "opset 7", "every GRU"),
        not_portable=("inputs W R B",),
        random_right=18,
        constant_outputs=False,
    ),
    "ezkl": Kind(
        "ezkl",
        "ezkl",
        static=True,
        tolerance=5e-3,
        finite=True,  # its inputs come as JSON, and become whole numbers
        lacks={
            **dict.fromkeys((AECMOS, PLCMOS), ("Squeeze", "[tract] Translating proto model to model")),
            GTCRN: ("Conv", "non unit dilations not supported"),
        },
        form_right=58,
        random_right=48,
    ),
    "rknn": Kind(
        "rknn-toolkit2",
        "rknn",
        static=True,
        tolerance=HALF,
        fails={
            "g2p_encoder legalize": "ended by signal 6",  # a GRU whose X is constant ends the toolkit
            "22": "ended by signal 11",  # a Where of one number, where a single sequence of one unit has a length
            "42": "is off by nan",  # its Transpose of an X with NaN in the padding is NaN everywhere
        },
        refuses=("float64",),
        lacks_types=("float64",),
        not_portable=("float64",),
        random_right=38,
        constant_outputs=False,
    ),
    "tpu_mlir": Kind(
        "tpu_mlir",
        "tpu-mlir",
        static=True,
        fails=dict.fromkeys((f"{GTCRN} lower", f"{GTCRN} legalize"), "--codegen="),  # it does not say why
        refuses=("sequence_lens", "float64", "ScaledTanh"),
        not_portable=("activations ScaledTanh", "float64"),
        form_right=11,
        random_right=2,
        constant_outputs=False,
        every=5,
    ),
    "tinygrad": Kind(
        "tinygrad",
        "tinygrad",
        static=True,
        lacks={GTCRN: ("Gather", "'<' not supported between instances of 'list' and 'int'")},
    ),
    "onnx2torch": Kind("onnx2torch", "onnx2torch", static=True),
    "tvm": Kind("apache-tvm", "tvm", static=True),
}


def start(name: str, python: str = PYTHON) -> Engine:
    """Start an engine, by an interpreter that it is installed for."""
    kind = KINDS[name]
    return Engine(name, kind.package, here=kind.here, runner=kind.runner, python=python, tolerance=kind.tolerance)
