"""Run a model in onnxruntime-web, by its WASM provider, in a headless Chromium.

A server on this machine hands the page in ``onnxruntime_web/`` the model and its inputs, and takes back the outputs.
``ONNXRUNTIME_WEB`` names the folder of the npm package, ``node_modules/onnxruntime-web`` by default, and ``CHROMIUM``
the browser, ``chromium`` by default.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from runner import Array, Arrays, main

PAGE = Path(__file__).parent / "onnxruntime_web"
PACKAGE = Path(os.environ.get("ONNXRUNTIME_WEB", "node_modules/onnxruntime-web"))
KINDS = {
    ".html": "text/html",
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NO_GPU = ("--disable-gpu",)
LIMIT = 300
"""Seconds a model may take."""


class Browser:
    """A browser with the page open, which waits for models."""

    def __init__(
        self,
        query: str = "",
        flags: tuple[str, ...] = NO_GPU,
        page: Path = PAGE,
        served: dict[str, Path] | None = None,
        limit: float = LIMIT,
    ) -> None:
        """Start the server and the browser.

        Args:
            query: What the page is to know, see its ``page.mjs``.
            flags: Of the browser, besides those it always has.
            page: The folder with ``page.html``.
            served: Which folder stands behind the beginning of an address, onnxruntime-web's own by default.
            limit: Seconds a model may take. Then the browser is started anew: its page may have crashed.

        """
        self.limit = limit
        self.page = page
        self.served = {"/dist/": PACKAGE / "dist"} if served is None else served
        self.jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        self.results: queue.Queue[dict[str, Any]] = queue.Queue()
        self.model = b""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"browser": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._address = f"http://127.0.0.1:{self._server.server_address[1]}/page.html{query}"
        self._command = [os.environ.get("CHROMIUM", "chromium"), *FLAGS, *flags]
        self._start_browser()
        atexit.register(self.close)

    def _start_browser(self) -> None:
        self._folder = tempfile.mkdtemp()
        command = [*self._command, f"--user-data-dir={self._folder}", self._address]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _end_browser(self) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, model: str, feeds: Arrays, *, stays: str = "") -> Arrays:
        """Run one model, on the CPU what the page's provider does not take.

        Args:
            model: The model's path.
            feeds: An array per input name.
            stays: An operator that may not be placed on the CPU, if any: a model that has one there is rejected.

        """
        self.model = Path(model).read_bytes()
        given = {name: _plain(array) for name, array in feeds.items()}
        self.jobs.put({"model": "/model.onnx", "feeds": given, "stays": stays})
        try:
            result = self.results.get(timeout=self.limit)
        except queue.Empty:
            self._end_browser()
            self._start_browser()
            raise RuntimeError(f"no end after {self.limit:g} s, or the page has crashed") from None
        if "error" in result:
            raise RuntimeError(result["error"])
        return {name: _array(value) for name, value in result["outputs"].items()}

    def close(self) -> None:
        """End the browser and the server."""
        self._end_browser()
        self._server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    browser: Browser

    def do_GET(self) -> None:
        if self.path == "/job":
            return self._send(json.dumps(self.browser.jobs.get()).encode(), "application/json")
        if self.path == "/model.onnx":
            return self._send(self.browser.model, KINDS[".onnx"])
        path = self.path.partition("?")[0]
        found = (
            (folder, path.removeprefix(start))
            for start, folder in self.browser.served.items()
            if path.startswith(start)
        )
        folder, rest = next(found, (self.browser.page, Path(path).name))
        file = folder / rest
        if not file.is_file():
            return self.send_error(404)
        return self._send(file.read_bytes(), KINDS.get(file.suffix, "application/octet-stream"))

    def do_POST(self) -> None:
        self.browser.results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send(b"", "text/plain")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _plain(array: Array) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"type": array.dtype.name, "dims": list(array.shape), "data": data}


def _array(value: dict[str, Any]) -> Array:
    array = np.frombuffer(base64.b64decode(value["data"]), np.dtype(value["type"]))
    return array.reshape(value["dims"])


@cache
def browser() -> Browser:
    """Return the one browser of this process."""
    return Browser()


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model in the browser, which stays open."""
    return browser().run(model, feeds)


if __name__ == "__main__":
    sys.exit(main(run))
