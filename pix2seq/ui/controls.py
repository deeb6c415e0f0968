"""The sampling controls: widgets on one side, ``SamplingOptions`` on the other.

Each control says in one line what it does to the sentence and where the paper treats it. Their
``elem_id``s are the page's stable handles. The API endpoints take the same widgets as parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import Predictor

EOS_CHOICES = [("stop when the model says so", "model"), ("keep going", "delay")]
NOISE_CHOICES = [("hide as the paper does", "paper"), ("drop", "drop"), ("show", "show")]
SCORE_CHOICES = [("its class", "class"), ("its class and edges", "box")]
READING_OPTIONS = ("noise", "score", "score_threshold")
"""Options that only decide how finished objects are read: nothing is written anew for them."""

SPEED_CHOICES = [
    ("as fast as it samples", 0.0),
    ("60 tokens / s", 60.0),
    ("25 tokens / s", 25.0),
    ("8 tokens / s", 8.0),
    ("2 tokens / s", 2.0),
]
DEFAULT_SPEED = 25.0


def photo_input(**settings) -> gr.Image:
    """An image widget that hands over the file's path unopened: ``load_image`` judges it, with
    messages that people can act on. (A subclass would make Gradio write a stub file.)"""
    widget = gr.Image(type="filepath", **settings)
    widget.preprocess = lambda payload: None if payload is None else payload.path
    return widget


@dataclass
class Controls:
    """The widgets, in the order in which handlers receive their values (``values``)."""

    temperature: gr.Slider
    top_p: gr.Slider
    top_k: gr.Number
    num_bins: gr.Slider
    max_objects: gr.Slider
    eos: gr.Radio
    grammar: gr.Checkbox
    noise: gr.Radio
    score: gr.Radio
    score_threshold: gr.Slider
    seed: gr.Number
    forbid: gr.Dropdown

    def widgets(self) -> list[gr.components.Component]:
        """All of them, as event inputs."""
        return [getattr(self, field.name) for field in fields(self)]


CONTROL_COUNT = len(fields(Controls))


def build_sampling_controls(
    defaults: SamplingOptions,
    num_bins: int,
    max_objects: int,
    classes: Sequence[tuple[str, int]] = (),
) -> Controls:
    """Place the controls, set to ``defaults`` (resolved), inside the current column.

    Args:
        classes: what can be forbidden, as ``class_choices`` gives it. It must be there from the
            start: Gradio rebuilds a widget that an event has set from what it was made with.
    """
    with gr.Accordion("Sampling", open=True, elem_classes="p2s-group"):
        temperature = gr.Slider(
            0,
            2,
            value=defaults.temperature,
            step=0.05,
            label="Temperature",
            info="Low: always the likeliest token. High: adventurous. 0 is argmax.",
            elem_id="temperature",
        )
        top_p = gr.Slider(
            0.01,
            1,
            value=defaults.top_p,
            step=0.01,
            label="Top-p (nucleus)",
            info="Keep the likeliest tokens that hold this much probability (§2.2).",
            elem_id="top-p",
        )
        seed = gr.Number(
            defaults.seed,
            label="Seed",
            minimum=0,
            info="Same seed, same sentence.",
            elem_id="seed",
        )
    with gr.Accordion("Sequence", open=True, elem_classes="p2s-group"):
        max_objects_slider = gr.Slider(
            1,
            max_objects,
            value=defaults.max_objects,
            step=1,
            label="Objects at most",
            info="The sentence ends after this many, five tokens each.",
            elem_id="max-objects",
        )
        eos = gr.Radio(
            EOS_CHOICES,
            value=defaults.eos,
            label="End of sentence",
            info="Keep going finds more, at the price of doubtful ones (§2.3).",
            elem_id="eos",
        )
    with gr.Accordion("Filter", open=True, elem_classes="p2s-group"):
        noise = gr.Radio(
            NOISE_CHOICES,
            value=defaults.noise,
            label="Noise objects",
            info="What happens to a box that the model itself calls noise (§2.3).",
            elem_id="noise",
        )
        score = gr.Radio(
            SCORE_CHOICES,
            value=defaults.score,
            label="Score an object by",
            info="Its class token alone (§2.3), or also by how sure its four edges were.",
            elem_id="score",
        )
        threshold = gr.Slider(
            0,
            1,
            value=defaults.score_threshold,
            step=0.01,
            label="Score at least",
            info="Objects with a lower score are hidden. Takes effect at once.",
            elem_id="score-threshold",
        )
    with gr.Accordion("More", open=False, elem_classes="p2s-group"):
        top_k = gr.Number(
            defaults.top_k,
            label="Top-k",
            minimum=0,
            info="Keep only the k likeliest tokens; 0 keeps all.",
            elem_id="top-k",
        )
        bins = gr.Slider(
            2,
            num_bins,
            value=defaults.num_bins,
            step=1,
            label="Coordinate bins",
            info="Sample over this many coarser cells; the model's own bins are fixed by training.",
            elem_id="num-bins",
        )
        grammar = gr.Checkbox(
            defaults.grammar,
            label="Grammar",
            info="Off: nothing stops the model from writing a class where a number belongs.",
            elem_id="grammar",
        )
        forbid = gr.Dropdown(
            list(classes),
            value=[],
            multiselect=True,
            label="Forbidden classes",
            info="The model must find another word.",
            elem_id="forbid",
        )
    return Controls(
        temperature,
        top_p,
        top_k,
        bins,
        max_objects_slider,
        eos,
        grammar,
        noise,
        score,
        threshold,
        seed,
        forbid,
    )


def class_choices(predictor: Predictor) -> list[tuple[str, int]]:
    """Named classes of a checkpoint as dropdown choices."""
    return [(predictor.categories.name(i), i) for i in predictor.categories.named_labels()]


def resolved_defaults(predictor: Predictor) -> SamplingOptions:
    return predictor.resolve(SamplingOptions())


def controls_as_updates(predictor: Predictor, options: SamplingOptions) -> list[dict]:
    """Updates that set every control to ``options`` (resolved), within the checkpoint's limits."""
    config = predictor.tokenizer.config
    return [
        gr.update(value=options.temperature),
        gr.update(value=options.top_p),
        gr.update(value=options.top_k),
        gr.update(value=options.num_bins, maximum=config.num_bins),
        gr.update(value=options.max_objects, maximum=config.max_objects),
        gr.update(value=options.eos),
        gr.update(value=options.grammar),
        gr.update(value=options.noise),
        gr.update(value=options.score),
        gr.update(value=options.score_threshold),
        gr.update(value=options.seed),
        gr.update(value=list(options.forbidden_labels), choices=class_choices(predictor)),
    ]


def _whole(name: str, value: object) -> int:
    if value is None or isinstance(value, bool) or int(value) != value:
        raise ConfigError(f"{name} is {value!r}; it must be a whole number")
    return int(value)


def options_from_values(
    predictor: Predictor,
    temperature: float,
    top_p: float,
    top_k: int,
    num_bins: int,
    max_objects: int,
    eos: str,
    grammar: bool,
    noise: str,
    score: str,
    score_threshold: float,
    seed: int,
    forbid: list[int],
) -> SamplingOptions:
    """Widget values to checked options, ``None`` filled in.

    Raises:
        ConfigError: a value cannot work with this checkpoint; the message says which and why.
    """
    for name, value in (
        ("temperature", temperature),
        ("top_p", top_p),
        ("score_threshold", score_threshold),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ConfigError(f"{name} is {value!r}; it must be a number")
    options = SamplingOptions(
        temperature=temperature,
        top_p=top_p,
        top_k=_whole("top_k", top_k or 0),
        num_bins=None if num_bins is None else _whole("num_bins", num_bins),
        max_objects=None if max_objects is None else _whole("max_objects", max_objects),
        eos=eos,
        grammar=grammar,
        noise=noise,
        score=score,
        score_threshold=score_threshold,
        seed=_whole("seed", seed or 0),
        forbidden_labels=tuple(_whole("forbidden class", label) for label in forbid or ()),
    )
    return predictor.resolve(options)
