"""How many hostile cases there are, and from which seed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.hostile.guard import COUNTED, DECLARED, SEED, TIMES


def test_two_thousand_hostile_cases_are_generated():
    for path in sorted(Path(__file__).parent.glob("test_hostile_*.py")):
        import_module(f"tests.{path.stem}")
    print(f"{sum(DECLARED.values())} cases in {len(DECLARED)} tests, seed {SEED}, times {TIMES:g}")
    print(f"ran here: {COUNTED['cases']}, the slowest in {COUNTED['slowest']:.1f} s")
    assert sum(DECLARED.values()) >= 2000
