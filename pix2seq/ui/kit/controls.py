"""The sampling controls: ``SETTINGS`` declares each of them once.

A ``Setting`` is a widget on the page, a parameter of the endpoints, an option of the sampler and a
key of shared links. Adding a row is all that a new control takes: the page, ``/detect``, handlers
and scripts derive from it. Each says in one line what it does to the sentence and where the paper
treats it; ``elem_id``s are the page's stable handles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import gradio as gr

from pix2seq.config import (
    ConfigError,
    SamplingOptions,
    TokenizerConfig,
    require_number,
    require_whole,
    short,
)
from pix2seq.predictor import Predictor

_SCHEMA_TYPES = {float: "number", int: "integer", str: "string", bool: "boolean", list: "array"}


@dataclass(frozen=True)
class Setting:
    """One control.

    Attributes:
        name: of the endpoints' parameter and of its value wherever values travel.
        type: of that value: ``float``, ``int``, ``str`` (one of ``choices``), ``bool`` or ``list``
            (of labels).
        widget: what shows it, made with ``look`` and the limits that a checkpoint sets.
        group: the fold that it is in.
        info: what it does to the sentence.
        link: its key in a shared link.
        look: further arguments of the widget.
        option: the field of ``SamplingOptions``, where that is called differently.
        limit: the field of ``TokenizerConfig`` at which the slider ends.
        empty: the option where the value is missing.
        reading: it only decides how finished objects are read: nothing is written anew for it.
    """

    name: str
    type: type
    widget: type[gr.components.Component]
    group: str
    label: str
    info: str
    link: str
    look: Mapping[str, object] = field(default_factory=dict)
    option: str = ""
    limit: str = ""
    empty: object = None
    reading: bool = False

    @property
    def field(self) -> str:
        """The field of ``SamplingOptions``."""
        return self.option or self.name

    @property
    def elem_id(self) -> str:
        return self.name.replace("_", "-")

    @property
    def schema(self) -> dict[str, object]:
        """What a program may give, as JSON Schema. A slider's ends are none of its business: what
        is too much is for the options and the checkpoint to say."""
        schema: dict[str, object] = {"type": _SCHEMA_TYPES[self.type], "description": self.info}
        if self.type is list:
            schema["items"] = {"type": "integer"}
        if "choices" in self.look:
            schema["enum"] = [value for _, value in self.look["choices"]]
        return schema

    def value(self, options: SamplingOptions) -> object:
        """What the widget shows of ``options``."""
        value = getattr(options, self.field)
        return list(value) if self.type is list else value

    def limits(self, config: TokenizerConfig) -> dict[str, int]:
        """Arguments of the widget that depend on a checkpoint's vocabulary."""
        return {"maximum": getattr(config, self.limit)} if self.limit else {}

    def place(self, options: SamplingOptions, config: TokenizerConfig, **changes) -> gr.Component:
        """The widget, set to ``options`` (resolved); ``changes`` replace what is declared."""
        usual = {"label": self.label, "info": self.info, "elem_id": self.elem_id}
        settings = {**self.look, **self.limits(config), **usual, **changes}
        return self.widget(value=self.value(options), **settings)

    def read(self, value: object) -> object:
        """A widget's or a program's value as the option; raises ``ConfigError``."""
        if value is None:
            return self.empty
        if self.type is float:
            return require_number(self.name, value)
        if self.type is int:
            return require_whole(self.name, value)
        if self.type is list:
            if not isinstance(value, list | tuple):
                raise ConfigError(f"{self.name} is {short(value)}; it must be a list")
            return tuple(require_whole("forbidden class", label) for label in value)
        if not isinstance(value, self.type):
            wanted = "it must be true or false"
            if self.type is str:
                wanted = f"use one of {', '.join(map(repr, self.schema['enum']))}"
            raise ConfigError(f"{self.name} is {short(value)}; {wanted}")
        return value

    def within(self, value: object, config: TokenizerConfig) -> object:
        """A number moved into the widget's range; anything else as it is."""
        if self.type not in (float, int) or isinstance(value, bool):
            return value
        limits = {**self.look, **self.limits(config)}
        if value != value:  # NaN has no nearest number
            raise ConfigError(f"{self.name} is {value!r}; it must be a number")
        value = max(value, limits.get("minimum", value))
        return min(value, limits.get("maximum", value))

    def from_link(self, text: str) -> object:
        """The option that a link's text sets; raises ``ValueError``."""
        if self.type is bool:
            return text != "0"
        if self.type is list:
            return tuple(int(part) for part in text.split(",") if part)
        return self.type(text)


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
    defaults: SamplingOptions, config: TokenizerConfig, classes: Sequence[tuple[str, int]] = ()
) -> Controls:
    """Place the controls, set to ``defaults`` (resolved), inside the current column.

    Args:
        config: whose limits they have.
        classes: what can be forbidden, as ``class_choices`` gives it. It must be there from the
            start: Gradio rebuilds a widget that an event has set from what it was made with.
    """
    controls = Controls()
    for group, is_open in GROUPS.items():
        with gr.Accordion(group, open=is_open, elem_classes="p2s-group"):
            for setting in SETTINGS:
                if setting.group == group:
                    more = {"choices": list(classes)} if setting.type is list else {}
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
        updates.append(gr.update(value=setting.value(options), **setting.limits(config), **more))
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
