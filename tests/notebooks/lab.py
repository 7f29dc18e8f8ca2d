"""Open notebooks in JupyterLab in headless Chromium, Run All in each, and print what came of each cell as JSON.

    .venv-lab/bin/python tests/notebooks/lab.py notebooks/02_content.ipynb --pictures out/

Runs in JupyterLab's own environment. Chromium is driven over its DevTools protocol.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import websocket  # of JupyterLab's own dependencies

TOKEN = "runs-on-loopback-only"
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,1000",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
]  # fmt: skip
LAB = [
    "--no-browser", "--port=0", "--allow-root", f"--IdentityProvider.token={TOKEN}", "--LabApp.expose_app_in_browser=True",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]  # fmt: skip
FOLDERS = ("--LabApp.workspaces_dir", "--LabApp.user_settings_dir")
NOTEBOOK = "[...window.jupyterapp.shell.widgets('main')].find(w => w.sessionContext)"
READY = f"Boolean(window.jupyterapp && ({NOTEBOOK})?.context.path === 'NAME' && ({NOTEBOOK}).sessionContext.session?.kernel)"
ACTIVATE = f"window.jupyterapp.shell.activateById(({NOTEBOOK}).id)"
SHUT_DOWN = f"({NOTEBOOK}).sessionContext.shutdown().then(() => true)"
RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)"
CELLS = """
JSON.stringify((NOTEBOOK).content.widgets.filter(c => c.model.type === 'code').map(c => ({
  source: c.model.sharedModel.getSource(),
  count: c.model.executionCount,
  error: c.model.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue).join('; '),
  outputs: c.model.outputs.toJSON().map(o => o.data ? Object.keys(o.data) : [o.output_type])
})))
""".replace("NOTEBOOK", NOTEBOOK)


class Page:
    """One tab, over the DevTools protocol."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=600, max_size=None)
        self._ids = itertools.count(1)

    def call(self, method: str, **params: object) -> dict:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def evaluate(self, expression: str) -> object:
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:2000])
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.evaluate(expression):
                return
            time.sleep(0.2)
        raise TimeoutError(f"not within {seconds} s: {expression}")

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


def wait_for(read, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = read()
            if found:
                return found
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("a server did not start")
        time.sleep(0.1)


def run_all(notebooks: list[Path], pictures: Path | None, seconds: float) -> dict[str, list[dict]]:
    """Open each notebook in turn and run it whole; one server, one browser, a kernel for each."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "notebooks")  # copies: JupyterLab saves what it runs
        root.mkdir()
        for notebook in notebooks:
            shutil.copy(notebook, root)
        environment = {
            **os.environ,
            "JUPYTER_RUNTIME_DIR": f"{scratch}/runtime",
            "JUPYTER_CONFIG_DIR": f"{scratch}/config",
        }
        lab = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                f"--notebook-dir={root}",
                *LAB,
                *(f"{o}={scratch}/{o}" for o in FOLDERS),
            ],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        browser = subprocess.Popen(
            [shutil.which("chromium") or "chromium", *CHROMIUM, f"--user-data-dir={scratch}/chromium", "about:blank"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": scratch},
        )
        try:
            served = wait_for(
                lambda: [json.loads(p.read_text()) for p in Path(scratch, "runtime").glob("jpserver-*.json")]
            )
            port = wait_for(lambda: Path(scratch, "chromium/DevToolsActivePort").read_text().split()[0])
            tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
            page = Page(next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"])
            address = f"http://127.0.0.1:{served[0]['port']}"
            return {n.stem: run_one(page, address, n.name, pictures, seconds) for n in notebooks}
        finally:
            for process in (browser, lab):
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def run_one(page: Page, address: str, name: str, pictures: Path | None, seconds: float) -> list[dict]:
    page.call("Page.navigate", url=f"{address}/lab/tree/{name}?token={TOKEN}&reset")
    stem = Path(name).stem
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    try:
        page.wait(READY.replace("NAME", name), 90)
    except TimeoutError:
        if pictures:
            page.picture(pictures / f"{stem}-stuck.png")
        raise
    if pictures:
        page.picture(pictures / f"{stem}-opened.png")
    deadline = time.monotonic() + seconds
    page.evaluate(ACTIVATE)
    page.evaluate(RUN_ALL)
    cells = json.loads(str(page.evaluate(CELLS)))
    while any(cell["count"] is None and not cell["error"] for cell in cells) and time.monotonic() < deadline:
        if any(cell["error"] for cell in cells):
            break
        time.sleep(0.2)
        cells = json.loads(str(page.evaluate(CELLS)))
    if pictures:
        shots(page, pictures, stem)
    page.evaluate(SHUT_DOWN)
    return cells


def shots(page: Page, folder: Path, name: str) -> None:
    scroller = "document.querySelector('.jp-WindowedPanel-outer') || document.querySelector('.jp-Notebook')"
    page.evaluate(f"({scroller}).scrollTop = 0")
    for number in range(40):
        time.sleep(0.6)
        page.picture(folder / f"{name}-{number:02d}.png")
        before = page.evaluate(f"({scroller}).scrollTop")
        page.evaluate(f"({scroller}).scrollTop += 820")
        time.sleep(0.2)
        if page.evaluate(f"({scroller}).scrollTop") == before:
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", type=Path, nargs="+")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    found = run_all([path.resolve() for path in options.notebooks], options.pictures, options.seconds)
    print(json.dumps(found, indent=1))
