"""Chromium without a window, by its own protocol over two pipes: what the tests of pages need and no more."""

import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")


def found():
    """The browser's path, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a headless Chromium; close() ends it."""

    def __init__(self, folder):
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()

        def pipes():
            """Chromium reads commands from 3 and writes replies to 4."""
            reads, writes = os.dup(to_browser), os.dup(to_us)  # out of the way of 3 and 4
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [found(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(to_us)
        self.out, self.incoming, self.kept, self.number, self.session = from_us, from_browser, b"", 0, None
        target = next(one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]

    def ask(self, method, **given):
        """The result of a command; RuntimeError for one that fails or takes over 200 s."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": given}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.time() + 200
        while True:
            while b"\0" not in self.kept:
                if not select.select([self.incoming], [], [], max(0, end - time.time()))[0]:
                    raise RuntimeError(f"{method}: no reply in 200 s")
                read = os.read(self.incoming, 1 << 16)
                if not read:
                    raise RuntimeError(f"{method}: the browser has ended")
                self.kept += read
            line, _, self.kept = self.kept.partition(b"\0")
            reply = json.loads(line)
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def run(self, script):
        """The value of a JavaScript expression in the page; RuntimeError when it throws."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def wait(self, script, seconds=200):
        """Until the expression is true; its value."""
        end = time.time() + seconds
        while not (value := self.run(script)):
            if time.time() > end:
                raise RuntimeError(f"{script} did not become true in {seconds} s")
            time.sleep(0.05)
        return value

    def open(self, address):
        """Load a page."""
        self.ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(address)})")

    def press(self, key, code=None):
        """One key, as a person presses it."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=code or key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=code or key)

    def screenshot(self, path):
        """A picture of the page."""
        import base64

        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def close(self):
        """End the browser."""
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.incoming)
