"""What to try: the settings of a sweep over one knob, and the question that it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig


@dataclass(frozen=True)
class Setting:
    """One point of a sweep.

    Attributes:
        name: what it is called in plots.
        options: resolved.
        noise_blind: score objects as if the noise class did not exist (its probability is shared
            out among the real classes), to see what that class is good for.
        group: in a table about several questions, the one that it belongs to.
    """

    name: str
    options: SamplingOptions
    noise_blind: bool = False
    group: str = ""


@dataclass(frozen=True)
class Knob:
    """A setting that can be swept.

    Attributes:
        title: for menus.
        question: what the sweep answers, with the paper's section.
        expect: what to look for; it claims nothing that the result might refute.
    """

    title: str
    question: str
    expect: str


KNOBS: dict[str, Knob] = {
    "argument": Knob(
        "EOS and the noise class",
        "Does writing on past EOS find more, and does the noise class keep it clean? (§2.3)",
        "This is one model, trained with noise objects. Leaving its noise class out afterwards "
        "does not show what a model without noise training does: that takes the twins above.",
    ),
    "top_p": Knob(
        "Top-p (nucleus)",
        "How much of the distribution should a token be drawn from? (§2.2)",
        "The paper's models find most with a nucleus of 0.4. Compare AP, which asks for tight "
        "boxes, with AP50: what a wide nucleus costs may be names, or only edges.",
    ),
    "max_objects": Knob(
        "Objects at most",
        "How long must a sentence be when the model may not stop? (§2.3)",
        "Does recall still rise where AP does not?",
    ),
    "eos": Knob(
        "End of sentence",
        "Stop when the model says so, or keep going? (§2.3)",
        "The paper guesses that models stop early for two reasons: annotators leave objects out, "
        "and what comes next is uncertain. These scenes are labelled by their generator, which "
        "leaves nothing out, so only the second is left.",
    ),
    "noise": Knob(
        "Noise objects",
        "What to do with a box that the model itself calls noise? (§2.3)",
        "The paper keeps the box and scores it by its likeliest real class, which puts it last; "
        "dropping it ends the curve earlier.",
    ),
    "num_bins": Knob(
        "Coordinate bins",
        "How fine must coordinates be? (§2.1)",
        "AP50 asks for an overlap of one half, AP for up to 0.95. Which of them needs fine bins, "
        "and from how many on does the other forgive?",
    ),
}
"""What the lab can sweep, in menu order."""

_TOP_P = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_MAX_OBJECTS = (1, 2, 5, 10, 20, 50, 100)
_NUM_BINS = (8, 16, 32, 64, 128, 256, 512, 1000)
_NOISE = {"paper": "hide as the paper does", "drop": "drop", "show": "show"}
_EOS = {"model": "stop when it says so", "delay": "keep going"}


def plan_sweep(knob: str, base: SamplingOptions, tokenizer: TokenizerConfig) -> list[Setting]:
    """The settings of a sweep.

    Args:
        knob: a key of ``KNOBS``.
        base: resolved options; all but the knob stay as they are, except that nothing is cut by
            score (a curve needs every score) and that sweeps about long sentences forbid EOS.

    Raises:
        ConfigError: there is no such knob, or the model cannot show anything with it.
    """
    if knob not in KNOBS:
        raise ConfigError(f"there is no sweep {knob!r}; use one of {', '.join(KNOBS)}")
    if knob in ("argument", "noise") and tokenizer.noise_id is None:
        raise ConfigError(
            f"this checkpoint has no noise class, so {KNOBS[knob].title!r} shows nothing; "
            "choose another sweep"
        )
    base = base.replace(score_threshold=0.0)
    if knob == "argument":
        stop, on = base.replace(eos="model", noise="paper"), base.replace(eos="delay")
        return [
            Setting("stop at EOS", stop),
            Setting("keep going, no noise class", on.replace(noise="paper"), noise_blind=True),
            Setting("keep going, noise dropped", on.replace(noise="drop")),
            Setting("keep going, as in the paper", on.replace(noise="paper")),
        ]
    if knob == "top_p":
        sharp = Setting("argmax", base.replace(temperature=0.0))
        warm = base if base.temperature else base.replace(temperature=1.0)
        return [sharp, *(Setting(f"top-p {p:g}", warm.replace(top_p=p)) for p in _TOP_P)]
    if knob == "max_objects":
        counts = _up_to(_MAX_OBJECTS, tokenizer.max_objects)
        on = base.replace(eos="delay")
        return [Setting(_objects(n), on.replace(max_objects=n)) for n in counts]
    if knob == "num_bins":
        counts = _up_to(_NUM_BINS, tokenizer.num_bins)
        return [Setting(f"{n} bins", base.replace(num_bins=n)) for n in counts]
    names = _EOS if knob == "eos" else _NOISE
    if knob == "noise":
        base = base.replace(eos="delay")
    return [Setting(name, base.replace(**{knob: value})) for value, name in names.items()]


def _objects(count: int) -> str:
    return f"{count} object{'s' if count > 1 else ''}"


def _up_to(values: Sequence[int], limit: int) -> list[int]:
    """The values below a model's limit, and the limit."""
    return [*(value for value in values if value < limit), limit]
