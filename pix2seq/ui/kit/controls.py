"""The sampling controls: ``SETTINGS`` declares each of them once.

A ``Setting`` is a widget on the page, a parameter of the endpoints, an option of the sampler and a
key of shared links. Adding a row is all that a new control takes: the page, ``/detect``, handlers
and scripts derive from it. Each says in one line what it does to the sentence and where the paper
treats it; ``elem_id``s are the page's stable handles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr

from pix2seq.config import SamplingOptions, TokenizerConfig
from pix2seq.predictor import Predictor
from pix2seq.ui.kit.setting import Setting

EOS_CHOICES = [("stop at EOS", "model"), ("keep going", "delay")]
NOISE_CHOICES = [("hide as the paper does", "paper"), ("drop", "drop"), ("show", "show")]
SCORE_CHOICES = [("its class", "class"), ("its class and edges", "box")]

SETTINGS = (
    Setting(
        "temperature",
        float,
        gr.Slider,
        "Sampling",
        "Temperature",
        "Low: always the likeliest token. High: adventurous. 0 is argmax.",
        link="t",
        look={"minimum": 0, "maximum": 2, "step": 0.05},
    ),
    Setting(
        "top_p",
        float,
        gr.Slider,
        "Sampling",
        "Top-p (nucleus)",
        "Keep the likeliest tokens that hold this much probability (§2.2).",
        link="p",
        look={"minimum": 0.01, "maximum": 1, "step": 0.01},
    ),
    Setting(
        "top_k",
        int,
        gr.Number,
        "More",
        "Top-k",
        "Keep only the k likeliest tokens; 0 keeps all.",
        link="k",
        look={"minimum": 0},
        empty=0,
    ),
    Setting(
        "num_bins",
        int,
        gr.Slider,
        "More",
        "Coordinate bins",
        "Sample over this many coarser cells; the model's own bins are fixed by training.",
        link="bins",
        look={"minimum": 2, "step": 1},
        limit="num_bins",
    ),
    Setting(
        "max_objects",
        int,
        gr.Slider,
        "Sequence",
        "Objects at most",
        "The sentence ends after this many, five tokens each.",
        link="n",
        look={"minimum": 1, "step": 1},
        limit="max_objects",
    ),
    Setting(
        "eos",
        str,
        gr.Radio,
        "Sequence",
        "End of sentence",
        "Keep going finds more, at the price of doubtful ones (§2.3).",
        link="eos",
        look={"choices": EOS_CHOICES},
    ),
    Setting(
        "grammar",
        bool,
        gr.Checkbox,
        "More",
        "Grammar",
        "Off: nothing stops the model from writing a class where a number belongs.",
        link="grammar",
    ),
    Setting(
        "follow_drafts",
        bool,
        gr.Checkbox,
        "More",
        "Follow the encoder's drafts",
        "Pulls edges towards the surest guess of the encoder that no object covers yet.",
        link="drafts",
        of_drafts=True,
    ),
    Setting(
        "noise",
        str,
        gr.Radio,
        "Filter",
        "Noise objects",
        "What happens to a box that the model itself calls noise (§2.3).",
        link="noise",
        look={"choices": NOISE_CHOICES},
        reading=True,
    ),
    Setting(
        "score",
        str,
        gr.Radio,
        "Filter",
        "Score an object by",
        "Its class token alone (§2.3), or also by how sure its edges were.",
        link="by",
        look={"choices": SCORE_CHOICES},
        reading=True,
    ),
    Setting(
        "score_threshold",
        float,
        gr.Slider,
        "Filter",
        "Score at least",
        "Objects with a lower score are hidden. Takes effect at once.",
        link="score",
        look={"minimum": 0, "maximum": 1, "step": 0.01},
        reading=True,
    ),
    Setting(
        "seed",
        int,
        gr.Number,
        "Sampling",
        "Seed",
        "Same seed, same sentence.",
        link="seed",
        look={"minimum": 0},
        empty=0,
    ),
    Setting(
        "forbid",
        list,
        gr.Dropdown,
        "More",
        "Forbidden classes",
        "The model must find another word.",
        link="forbid",
        look={"multiselect": True},
        option="forbidden_labels",
        empty=(),
    ),
)
"""In the order of the endpoints' parameters, and of widgets as event inputs."""

NAMES = tuple(setting.name for setting in SETTINGS)
BY_NAME = {setting.name: setting for setting in SETTINGS}
READING_OPTIONS = tuple(setting.field for setting in SETTINGS if setting.reading)
"""Options that only decide how finished objects are read: nothing is written anew for them."""

GROUPS = {"Sampling": True, "Sequence": True, "Filter": True, "More": False}
"""The folds in page order, and whether they are open."""

SPEED_CHOICES = [
    ("as fast as it samples", 0.0),
    ("60 tokens / s", 60.0),
    ("25 tokens / s", 25.0),
    ("8 tokens / s", 8.0),
    ("2 tokens / s", 2.0),
]
DEFAULT_SPEED = 25.0


class Controls(dict[str, gr.components.Component]):
    """The widgets by name."""

    def widgets(self) -> list[gr.components.Component]:
        """All of them, as event inputs: their values come in the order of ``NAMES``."""
        return [self[name] for name in NAMES]


def build_sampling_controls(
    defaults: SamplingOptions,
    config: TokenizerConfig,
    classes: Sequence[tuple[str, int]] = (),
    drafts: int = 0,
) -> Controls:
    """Place the controls, set to ``defaults`` (resolved), inside the current column.

    Args:
        config: whose limits they have.
        classes: what can be forbidden, as ``class_choices`` gives it. It must be there from the
            start: Gradio rebuilds a widget that an event has set from what it was made with.
        drafts: how many the encoder makes.
    """
    controls = Controls()
    for group, is_open in GROUPS.items():
        with gr.Accordion(group, open=is_open, elem_classes="p2s-group"):
            for setting in SETTINGS:
                if setting.group == group:
                    more = {"choices": list(classes)} if setting.type is list else {}
                    more |= setting.shown(drafts)
                    controls[setting.name] = setting.place(defaults, config, **more)
    return controls


def class_choices(predictor: Predictor) -> list[tuple[str, int]]:
    """Named classes of a checkpoint as dropdown choices."""
    return [(predictor.categories.name(i), i) for i in predictor.categories.named_labels()]


def resolved_defaults(predictor: Predictor) -> SamplingOptions:
    return predictor.resolve(SamplingOptions())


def controls_as_updates(predictor: Predictor, options: SamplingOptions) -> list[dict]:
    """Updates that set every control to ``options`` (resolved), within the checkpoint's limits."""
    config = predictor.tokenizer.config
    updates = []
    for setting in SETTINGS:
        more = {"choices": class_choices(predictor)} if setting.type is list else {}
        more |= setting.limits(config) | setting.shown(predictor.model.drafts)
        updates.append(gr.update(value=setting.value(options), **more))
    return updates


def named_values(values: Sequence[object]) -> dict[str, object]:
    """Values as widgets give them (in the order of ``NAMES``), by name."""
    return dict(zip(NAMES, values, strict=True))


def options_from_values(predictor: Predictor, values: Mapping[str, object]) -> SamplingOptions:
    """Widget values by name to checked options, ``None`` filled in.

    Raises:
        ConfigError: a value cannot work with this checkpoint; the message says which and why.
    """
    options = {setting.field: setting.read(values[setting.name]) for setting in SETTINGS}
    return predictor.resolve(SamplingOptions(**options))
