"""An executed notebook as one self-contained HTML page, with code and pictures."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from runbook.evidence.folder import write_bytes

# nbconvert's template loads MathJax, require.js, jQuery and mermaid from CDNs, in one <script> each.
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"<link\b[^>]*\bhref\s*=\s*[\"']?\s*(https?:)?//[^>]*>", re.IGNORECASE)
_IMPORT = re.compile(r"@import\s+(url\()?\s*[\"']?(https?:)?//[^;]*;", re.IGNORECASE)


_LOADED = re.compile(
    r"(<(?:img|iframe|audio|video|source|embed|input|track)\b[^>]*?\ssrc(?:set)?\s*=\s*[\"']?\s*)(?:https?:)?//",
    re.IGNORECASE,
)
# In case something was missed, this policy tells the browser to load nothing.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; font-src data:; '
    "style-src 'unsafe-inline'\">"
)


def export_html(path: Path) -> Path:
    """Write the HTML beside an executed notebook. Returns its path."""
    import nbformat
    from nbconvert import HTMLExporter  # 0.2 s

    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    exporter = HTMLExporter(embed_images=True)  # type: ignore[no-untyped-call]
    exporter.mathjax_url = exporter.require_js_url = exporter.jquery_url = exporter.mermaid_js_url = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pictures and notebooks; they cannot be fixed here
        body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.name.removesuffix(".ipynb")}})
    page = path.with_suffix(".html")
    write_bytes(page, without_references(body).encode())
    return page


def without_references(page: str) -> str:
    """The page without scripts, and without style sheets, frames or pictures that are loaded from a URL."""
    for pattern in (_SCRIPT, re.compile(r"<script\b[^>]*>", re.IGNORECASE), _LINK, _IMPORT):
        page = pattern.sub("", page)
    page = _LOADED.sub(r"\1about:blank#", page)
    return re.sub(r"<head[^>]*>", lambda head: head[0] + POLICY, page, count=1)
