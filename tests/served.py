"""The app over a scripted model: as a context for handler tests, as a server for browser tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import torch

from pix2seq.categories import COCO_80
from pix2seq.checkpoints import CheckpointInfo
from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.kit.controls import named_values
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.shelf import ModelShelf
from tests import fakes

OBJECTS = [((0.1, 0.2, 0.5, 0.9), 0), ((0.5, 0.1, 0.8, 0.4), 15), ((0.3, 0.4, 0.9, 0.7), 16)]
"""Boxes in [0, 1] of the model's square input, and labels: a person, a cat, a dog."""

SENTENCE = fakes.write_objects(fakes.tiny_tokenizer(), OBJECTS)
"""Sixteen token ids, EOS included."""


def scripted_predictor(
    name: str = "scripted",
    objects: list | None = None,
    peak: float = 12.0,
    noise: int | None = None,
    tokenizer: Tokenizer | None = None,
) -> Predictor:
    """A predictor that writes ``objects`` almost surely.

    Args:
        noise: index of an object that is written as noise (its class stays the runner-up).
    """
    tokenizer = tokenizer or fakes.tiny_tokenizer()
    ids = fakes.write_objects(tokenizer, OBJECTS if objects is None else objects)
    table = fakes.script(ids, tokenizer.vocab_size, peak)
    if noise is not None:
        table[5 * noise + 4, tokenizer.noise_id] = peak + 2
    return Predictor(
        fakes.ScriptedModel(table),
        tokenizer,
        fakes.TINY_PREPROCESS,
        SamplingOptions(temperature=1.0, top_p=0.9),
        CheckpointInfo(name=name),
    )


def load(name: str) -> Predictor:
    """What the test app's menu can load: three scripted models, and one that is not there."""
    if name == "scripted":
        return scripted_predictor()
    if name == "blind":
        return scripted_predictor("blind", objects=[])
    if name == "wide":  # its limits are twice those of the others
        config = TokenizerConfig.compact(num_bins=64, num_classes=80, max_objects=16)
        return scripted_predictor("wide", tokenizer=Tokenizer(config, COCO_80))
    raise ConfigError(f"checkpoint {name!r} is not on this machine; download it first")


def app_context() -> AppContext:
    """A context without a page."""
    names = ("scripted", "blind", "wide", "missing")
    return AppContext(ModelShelf(load), "scripted", [(name, name) for name in names])


class Visitor:
    """The part of ``gr.Request`` that handlers look at."""

    def __init__(self, session_hash: str = "tab", **query: str) -> None:
        self.session_hash = session_hash
        self.query_params = query


def control_values(predictor: Predictor, **changes) -> list:
    """Widget values in the handlers' order, the predictor's defaults with ``changes``."""
    options = predictor.resolve(SamplingOptions()).replace(**changes)
    return [
        options.temperature,
        options.top_p,
        options.top_k,
        options.num_bins,
        options.max_objects,
        options.eos,
        options.grammar,
        options.follow_drafts,
        options.noise,
        options.score,
        options.score_threshold,
        options.seed,
        list(options.forbidden_labels),
    ]


def settings_on_view(predictor: Predictor, **changes) -> dict:
    """The same by name, as the page's scripts send them."""
    return named_values(control_values(predictor, **changes))


@contextmanager
def served_app() -> Iterator[str]:
    """Serve the whole app over these predictors; yields its address."""
    from pix2seq.ui import build_demo, launch_options

    torch.set_num_threads(1)
    demo = build_demo("scripted", load=load, names=["blind", "wide", "missing"])
    _, url, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    try:
        yield url.rstrip("/")
    finally:
        demo.close()
