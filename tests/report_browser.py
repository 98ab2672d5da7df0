"""A headless Chromium without network, over two pipes: enough of its protocol to use a page as a reader would; and
small runs to look at in it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.reference.losses import loss_named

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--lang=en-US",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
KEYS = {"Enter": 13, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37, " ": 32, "/": 191, "Home": 36, "End": 35}


class Browser:
    """One window; `complaints` gathers errors, policy violations and requests other than for files.

    Arguments: server: the beginning of the addresses that may be asked for besides, of a server on this machine.
    """

    def __init__(self, profile: Path, server: str | None = None) -> None:
        self.server = server
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def pipes() -> None:
            high = [os.dup(os.dup(os.dup(fd))) for fd in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--window-size=1400,1000", "about:blank"]
        self._process = subprocess.Popen(
            command, preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest, self._id, self._session = b"", 0, None
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        if server is None:
            self._call(
                "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
            )

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._id += 1
        message = {"id": self._id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            result = self._next()
            if result.get("id") == self._id:
                assert "error" not in result, result
                return result["result"]
            self._note(result)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in, 1 << 20)
            assert part, "the browser went away"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, result: dict[str, Any]) -> None:
        method, values = result.get("method"), result.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(values["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded":
            self.complaints.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not values["request"]["url"].startswith(self._allowed):
            self.complaints.append(values["request"]["url"][:200])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog {values['message']}")

    @property
    def _allowed(self) -> tuple[str, ...]:
        return ("file:", "about:", *([self.server] if self.server else []))

    def go(self, url: str, until: str) -> None:
        """Open an address and wait until an expression is true."""
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=url)
        self.wait(until)

    def picture(self, path: Path, *, full: bool = False) -> None:
        """Write what the window shows, or the whole page, as a PNG."""
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        path.write_bytes(base64.b64decode(shot["data"]))

    def prefer(self, **features: str) -> None:
        """Prefer a colour scheme or reduced motion."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self._call("Emulation.setEmulatedMedia", features=named)

    def open(self, path: Path, fragment: str = "lang=en", until: str = "!['', 'running'].includes(STATE)") -> None:
        """Open a file and wait until its self-check has ended."""
        self._call("Page.navigate", url="about:blank")
        self._call("Page.navigate", url=f"{path.as_uri()}#{fragment}")
        self.wait(until.replace("STATE", "(document.getElementById('self-check')?.dataset.state ?? '')"))

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"{condition} did not come true; the page says: {self.complaints}"
            time.sleep(0.02)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys by name, as a keyboard would."""
        for key in keys:
            text = "\r" if key == "Enter" else key if len(key) == 1 else ""
            about = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
            self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
            self._call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._call("Input.insertText", text=text)

    def size(self, width: int, height: int) -> None:
        """Give the window another size."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def close(self) -> None:
        """End the browser."""
        self._session = None
        try:
            self._call("Browser.close")
        except (AssertionError, OSError):
            self._process.kill()
        self._process.wait(timeout=20)
        os.close(self._in)
        os.close(self._out)


RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 4))


def small(loss: str = "cross_entropy", output: str = "softmax", **options: Any) -> cr.Run:
    n = 3 if output in ("softmax", "sigmoid") else 2
    if loss_named(loss).of_classes:
        y: Any = RNG.integers(0, 3, 30) if output == "softmax" else RNG.integers(0, 2, (30, 3)).astype(float)
    else:
        y = np.abs(RNG.normal(size=(30, n))).round(2)
    kinds = {name: options.pop(name) for name in ("normalization", "residual") if name in options}
    sizes = options.pop("sizes", [4, 6, 5])
    dtype = options.pop("dtype", "float32")
    net = cr.Network([*sizes, n], options.pop("activation", "tanh"), output, loss, dtype=dtype, seed=1, **kinds)
    return cr.train(net, X, y, batch_size=8, epochs=2, progress=False, **options)
