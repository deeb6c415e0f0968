"""One control of the page: a widget, a parameter of the endpoints, an option of the sampler and a
key of shared links. ``controls`` lists them all."""

from __future__ import annotations

from collections.abc import Mapping
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
        of_drafts: it says what becomes of the encoder's drafts: without any it is off and hidden.
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
    of_drafts: bool = False

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

    def shown(self, drafts: int) -> dict[str, bool]:
        """Whether the widget shows at all, as its argument, with a checkpoint of so many drafts."""
        return {"visible": drafts > 0} if self.of_drafts else {}

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
