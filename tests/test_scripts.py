"""The page's scripts without a browser: Node's own test runner over their pure parts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_pure_parts_of_the_scripts():
    node = shutil.which("node")
    if node is None:
        reason = "Node is not installed: tests/scripts/*.test.js were NOT run"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [node, "--test", "tests/scripts/"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout and "# pass 0\n" not in done.stdout
