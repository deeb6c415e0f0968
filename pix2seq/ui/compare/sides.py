"""The widgets of one side of a comparison, and ready-made pairs of settings.

A side has the six settings that change a sentence most; everything else is as in *Write*.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import gradio as gr

from pix2seq.config import SamplingOptions, TokenizerConfig

EOS_CHOICES = [("stop at EOS", "model"), ("keep going", "delay")]
NOISE_CHOICES = [("hide", "paper"), ("drop", "drop"), ("show", "show")]

WITHOUT_MODEL = TokenizerConfig.compact(num_bins=1000, num_classes=80, max_objects=100)
"""Limits of the widgets while no checkpoint can be loaded: the paper's."""


@dataclass
class Side:
    """Widgets of one side; the names are those of ``SamplingOptions``."""

    temperature: gr.Slider
    top_p: gr.Slider
    num_bins: gr.Slider
    max_objects: gr.Slider
    eos: gr.Radio
    noise: gr.Radio

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in fields(cls)]

    def widgets(self) -> list[gr.components.Component]:
        return [getattr(self, name) for name in self.names()]


def build_side(name: str, options: SamplingOptions, config: TokenizerConfig) -> Side:
    """Place one side's widgets, set to ``options`` (resolved); ``name`` starts their ids."""

    def handle(setting: str) -> str:
        return f"{name}-{setting}"

    with gr.Row(elem_classes="p2s-side-row"):
        temperature = gr.Slider(
            0,
            2,
            value=options.temperature,
            step=0.05,
            label="Temperature",
            elem_id=handle("temperature"),
            min_width=132,
        )
        top_p = gr.Slider(
            0.01,
            1,
            value=options.top_p,
            step=0.01,
            label="Top-p",
            elem_id=handle("top-p"),
            min_width=132,
        )
        max_objects = gr.Slider(
            1,
            config.max_objects,
            value=options.max_objects,
            step=1,
            label="Objects at most",
            elem_id=handle("max-objects"),
            min_width=132,
        )
        num_bins = gr.Slider(
            2,
            config.num_bins,
            value=options.num_bins,
            step=1,
            label="Coordinate bins",
            elem_id=handle("num-bins"),
            min_width=132,
        )
    with gr.Row(elem_classes="p2s-side-row"):
        eos = gr.Radio(
            EOS_CHOICES,
            value=options.eos,
            label="End of sentence",
            elem_id=handle("eos"),
            min_width=160,
        )
        noise = gr.Radio(
            NOISE_CHOICES,
            value=options.noise,
            label="Noise objects",
            elem_id=handle("noise"),
            min_width=160,
        )
    return Side(temperature, top_p, num_bins, max_objects, eos, noise)


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
    """Both sides' options: ``base`` (resolved) with a preset's changes, within limits."""
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
    limits = {"num_bins": config.num_bins, "max_objects": config.max_objects}
    return [
        gr.update(value=getattr(options, name), **_maximum(limits, name)) for name in Side.names()
    ]


def _maximum(limits: dict[str, int], name: str) -> dict[str, int]:
    return {"maximum": limits[name]} if name in limits else {}
