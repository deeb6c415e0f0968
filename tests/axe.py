"""axe-core in the page: what a blind, a colour-blind or a keyboard-only visitor would trip over."""

from __future__ import annotations

import gzip
from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parent / "vendor" / "axe.min.js.gz"


def serious_problems(page: Page) -> list[str]:
    """Violations of serious or critical impact among what is on view, one line per element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(gzip.decompress(_AXE.read_bytes()).decode("utf-8"))
    found = page.evaluate("() => axe.run().then((result) => result.violations)")
    return [
        f"{problem['id']}: {node['html'][:200]}"
        for problem in found
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]
