"""The widgets of one side of a comparison, and ready-made pairs of settings.

A side has the six settings that change a sentence most; everything else is as in *Write*.
"""

from __future__ import annotations

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig, short
from pix2seq.ui.kit.controls import BY_NAME, NAMES

WITHOUT_MODEL = TokenizerConfig.compact(num_bins=1000, num_classes=80, max_objects=100)
"""Limits of the widgets while no checkpoint can be loaded: the paper's."""


_ROWS = (
    {
        "temperature": {"min_width": 132},
        "top_p": {"label": "Top-p", "min_width": 132},
        "max_objects": {"min_width": 132},
        "num_bins": {"min_width": 132},
    },
    {
        "eos": {"choices": [("stop at EOS", "model"), ("keep going", "delay")], "min_width": 160},
        "noise": {
            "choices": [("hide", "paper"), ("drop", "drop"), ("show", "show")],
            "min_width": 160,
        },
    },
)
"""The compared settings, row by row, and how they look here: shorter than in *Write*."""


class Side(dict[str, gr.components.Component]):
    """Widgets of one side by the names of their settings."""

    NAMES = tuple(name for name in NAMES if any(name in row for row in _ROWS))
    """Of the values, in the order in which handlers receive them."""

    def widgets(self) -> list[gr.components.Component]:
        return [self[name] for name in self.NAMES]


def build_side(name: str, options: SamplingOptions, config: TokenizerConfig) -> Side:
    """Place one side's widgets, set to ``options`` (resolved); ``name`` starts their ids."""
    side = Side()
    for row in _ROWS:
        with gr.Row(elem_classes="p2s-side-row"):
            for setting, look in row.items():
                one = BY_NAME[setting]
                handle = f"{name}-{one.elem_id}"
                side[setting] = one.place(options, config, elem_id=handle, **{"info": None, **look})
    return side


PRESETS: dict[str, tuple[str, dict, dict]] = {
    "argmax": (
        "the likeliest token / a sampled one",
        {"temperature": 0.0},
        {"temperature": 1.0, "top_p": 0.8},
    ),
    "eos": ("stop at EOS / keep going", {"eos": "model"}, {"eos": "delay"}),
    "noise": (
        "noise hidden / noise shown",
        {"eos": "delay", "noise": "paper"},
        {"eos": "delay", "noise": "show"},
    ),
    "bins": ("all bins / 16 bins", {}, {"num_bins": 16}),
    "temperature": (
        "cool / hot",
        {"temperature": 0.5, "top_p": 1.0},
        {"temperature": 1.5, "top_p": 1.0},
    ),
    "write": ("as in Write, twice", {}, {}),
}
"""Pairs of settings worth seeing: (shown, changes on the left, changes on the right)."""


def preset_options(
    name: str, base: SamplingOptions, config: TokenizerConfig
) -> tuple[SamplingOptions, SamplingOptions]:
    """Both sides' options: ``base`` (resolved) with a preset's changes, within limits; raises
    ``ConfigError`` if there is no such preset."""
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"there is no pair {short(name)}; use {', '.join(PRESETS)}")
    _, left, right = PRESETS[name]
    return _changed(base, left, config), _changed(base, right, config)


def _changed(base: SamplingOptions, changes: dict, config: TokenizerConfig) -> SamplingOptions:
    if "num_bins" in changes:
        changes = {**changes, "num_bins": min(changes["num_bins"], config.num_bins)}
    if config.noise_id is None:
        changes = {name: value for name, value in changes.items() if name != "noise"}
    return base.replace(**changes)


def side_updates(options: SamplingOptions, config: TokenizerConfig) -> list[dict]:
    """Updates that set one side's widgets to ``options`` and a model's limits."""
    return [
        gr.update(value=one.value(options), **one.limits(config))
        for one in (BY_NAME[name] for name in Side.NAMES)
    ]
