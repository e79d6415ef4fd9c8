"""Drives a headless Chromium through its pipe: no driver, no network port. For the tests of the report."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find() -> str | None:
    """Return the browser to drive: ``BLUES_CHROMIUM``, else the first of the usual names on the path."""
    return os.environ.get("BLUES_CHROMIUM") or next((p for n in NAMES if (p := shutil.which(n))), None)


class Page:
    """One tab: what it logged, what it asked the network for, and what scripts in it say."""

    def __init__(self, process, send, receive):
        self.process, self._send, self._receive, self._last = process, send, receive, 0
        self.logged, self.requested, self._session, self._rest = [], [], None, b""

    def call(self, method, **params):
        """Send one command and return its result; events that come meanwhile are kept."""
        answer = self._answer(method, params)
        assert "error" not in answer, f"{method}: {answer.get('error')}"
        return answer["result"]

    def _answer(self, method, params):
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._last:
                return answer
            self._keep(answer)

    def _next(self):
        while b"\0" not in self._rest:
            got = os.read(self._receive, 1 << 16)
            assert got, "the browser went away"
            self._rest += got
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _keep(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.logged.append((params["type"], str([a.get("value", a.get("description")) for a in params["args"]])))
        elif method == "Runtime.exceptionThrown":
            self.logged.append(("exception", str(params["exceptionDetails"])))
        elif method == "Log.entryAdded":
            self.logged.append((params["entry"]["level"], params["entry"]["text"]))
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])

    def run(self, script):
        """Evaluate a script in the page and return its value."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, path, width=1280, height=900, dark=False, mobile=False, media=""):
        """Open a file and wait until it has settled."""
        self.look(width, height, dark, mobile, media)
        url = Path(path).resolve().as_uri()
        self.run("window.leaving = true")
        self.call("Page.navigate", url=url)
        return self._settle("!window.leaving && location.href !== 'about:blank'", url)

    def back(self):
        """Go back to the page before, and wait until it has settled."""
        history = self.call("Page.getNavigationHistory")
        entry = history["entries"][history["currentIndex"] - 1]
        self.call("Page.navigateToHistoryEntry", entryId=entry["id"])
        return self._settle(f"location.href === {json.dumps(entry['url'])}", entry["url"])

    def _settle(self, there, url):
        for _ in range(200):
            time.sleep(0.03)
            # while the page that was there is leaving there is nothing to ask: the browser answers with an error
            settled = {"expression": f"document.readyState === 'complete' && {there}", "returnByValue": True}
            if self._answer("Runtime.evaluate", settled).get("result", {}).get("result", {}).get("value"):
                return self
        raise AssertionError(f"{url} did not load")

    def look(self, width, height, dark=False, mobile=False, media=""):
        """Set the size of the window, the theme the user prefers, and screen or print."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)

    def lost_on_paper(self, millimetres):
        """Return the text of table cells that a page whose print is this wide would cut off, or let run into others."""
        self.look(round(millimetres * 96 / 25.4), 1000, mobile=True, media="print")
        return self.run(
            """Array.from(document.querySelectorAll('th, td')).filter(cell => {
                if (!cell.getClientRects().length) return false;
                const end = node => node.getBoundingClientRect().right;
                for (let box = cell.parentElement; box !== document.documentElement; box = box.parentElement)
                    if (getComputedStyle(box).overflowX !== 'visible' && end(cell) > end(box) + 1) return true;
                return end(cell) > document.documentElement.clientWidth + 1 || cell.scrollWidth > cell.clientWidth + 1;
            }).map(cell => cell.textContent)"""
        )

    def picture(self, path, whole=False):
        """Write a screenshot."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def page():
    """Start a browser with a fresh profile, give its page, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        to_browser, send = os.pipe()
        receive, from_browser = os.pipe()

        def wire():
            # the browser reads descriptor 3 and writes descriptor 4
            os.dup2(os.dup(to_browser), 3)
            os.dup2(os.dup(from_browser), 4)

        flags = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-dev-shm-usage"
        command = [find(), *flags.split(), f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, preexec_fn=wire, close_fds=False, **silent)
        os.close(to_browser)
        os.close(from_browser)
        try:
            made = Page(process, send, receive)
            targets = made.call("Target.getTargets")["targetInfos"]
            target = next(t["targetId"] for t in targets if t["type"] == "page")
            made._session = made.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                made.call(f"{domain}.enable")
            yield made
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(send)
            os.close(receive)


def axe() -> str | None:
    """Return the text of axe-core, or None: from ``BLUES_AXE``, or ``node_modules`` of the checkout or the home folder."""
    places = [os.environ.get("BLUES_AXE")]
    places += [root / "node_modules" / "axe-core" / "axe.min.js" for root in (Path(__file__).parents[1], Path.home())]
    return next((Path(p).read_text(encoding="utf-8") for p in places if p and Path(p).is_file()), None)
