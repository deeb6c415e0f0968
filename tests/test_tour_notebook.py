"""The notebook ``examples/tour.ipynb``: whole, without outputs, and every cell runs in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.patience import allowed, of_children
from tests.test_architecture import ROOT

NOTEBOOK = json.loads((ROOT / "examples" / "tour.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_a_notebook_that_colab_opens():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) >= (4, 0)
    assert NOTEBOOK["metadata"]["kernelspec"]["language"] == "python"
    for cell in NOTEBOOK["cells"]:
        assert {"cell_type", "metadata", "source"} <= set(cell)
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert not any(line.startswith(("!", "%")) for code in CELLS for line in code.splitlines())


@pytest.mark.slow
def test_every_cell_runs_in_order_within_five_minutes(tmp_path):
    script = tmp_path / "tour.py"
    script.write_text("\n\n".join(CELLS), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    before = of_children()
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert of_children() - before < allowed(300, work=2300)  # of the processor
    said = done.stdout
    assert said.count("ymin") >= 6 and " becomes " in said
    before, after = (
        next(line for line in said.splitlines() if line.lstrip().startswith(name))
        for name in ("before:", "after:")
    )
    assert before.split(": ")[1] != after.split(": ")[1]
    assert "AP50" in said
