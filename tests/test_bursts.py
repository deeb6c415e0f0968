"""Steps that come quickly go together."""

from __future__ import annotations

from pix2seq.ui.visit.bursts import FLUSH_SECONDS, in_bursts


def test_the_first_step_goes_at_once_and_the_others_together():
    ticks = iter([0.0, 0.0, *[FLUSH_SECONDS / 2] * 3, *[2 * FLUSH_SECONDS] * 9])
    assert list(in_bursts("abcdefg", lambda: next(ticks))) == [["a"], [*"bcde"], [*"fg"]]
    assert list(in_bursts("")) == []
