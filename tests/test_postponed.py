"""A module that is imported when something in it is asked for, and no earlier."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pix2seq.postponed import postponed
from tests.patience import PATIENCE


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that notes when it is imported, and one that only looks at it."""
    (tmp_path / "heavy_one").mkdir()
    (tmp_path / "heavy_one" / "__init__.py").write_text("class Table: pass\nrows = 3\n")
    (tmp_path / "heavy_one" / "part.py").write_text("value = 4\n")
    (tmp_path / "looks.py").write_text(
        "import heavy_one as heavy\ndef is_table(x): return isinstance(x, heavy.Table)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("heavy_one", "heavy_one.part", "looks"):
        sys.modules.pop(name, None)


def test_it_comes_when_something_in_it_is_asked_for(package):
    with postponed("heavy_one"):
        import looks
    assert "heavy_one" not in sys.modules
    assert not hasattr(looks.heavy, "__file__")  # whoever looks at all modules does not load it
    assert "heavy_one" not in sys.modules
    assert not looks.is_table(1)
    import heavy_one

    assert looks.is_table(heavy_one.Table()) and looks.heavy.rows == 3


def test_who_imports_a_part_of_it_gets_it(package):
    with postponed("heavy_one"):
        from heavy_one.part import value
    assert value == 4 and sys.modules["heavy_one"].rows == 3


def test_one_that_is_there_already_stays(package):
    import heavy_one

    with postponed("heavy_one"):
        import looks
    assert looks.heavy is heavy_one


_START = """
import sys
from pix2seq.postponed import postponed
with postponed("pandas"):
    from pix2seq.ui import build_demo
demo = build_demo("mini", "cpu")
assert "pandas" not in sys.modules and "pyarrow" not in sys.modules, "the page needs no tables"
from gradio import caching
import pandas
table = pandas.DataFrame({"a": [1]})
assert isinstance(table, caching.pd.DataFrame)
"""


def test_the_page_is_made_without_pandas_and_gradio_has_it_when_it_asks():
    done = subprocess.run(
        [sys.executable, "-c", _START], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
