"""The *About the model* tab: what the loaded checkpoint is, what its vocabulary looks like, which
checkpoints there are, what they cannot do, and what happens to a visitor's pictures."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict

import gradio as gr

from pix2seq import checkpoints
from pix2seq.checkpoints import CHECKPOINTS, CheckpointInfo
from pix2seq.config import ConfigError
from pix2seq.predictor import Predictor
from pix2seq.reading import DOUBLE_IOU
from pix2seq.sweep import doubles_in_words
from pix2seq.ui.about.vocabulary import vocabulary_stretches
from pix2seq.ui.visit.context import SPACE_VARIABLE, AppContext
from pix2seq.ui.visit.evidence import load_doubles

_TEMPLATE = '<div class="p2s p2s-about" data-about></div>'
_ON_LOAD = "P2S.call('mountAbout', element, { props, watch });"

_INTRO = """
## A detector that writes
Pix2Seq reads an image and writes one sentence about it: four numbers and a word per object, then
"end". No anchors, no regressed boxes, and nothing removes duplicates: a sequence model and a
vocabulary. The paper: Chen, Saxena, Li, Fleet, Hinton, *Pix2seq: A Language Modeling Framework for
Object Detection*, ICLR 2022, [arXiv 2109.10852](https://arxiv.org/abs/2109.10852).
"""

_LIMITS = """
## What to keep in mind
- It only knows the classes of its vocabulary, as photographers of the web showed them to
  annotators. A thing without a word there is left out or called by a wrong one.
- A score is the probability of the object's class, times how sure its edges were where *Score an
  object by* says so. It is no promise: *Experiments* shows how far scores can be trusted, for all
  objects and by their place in the sentence. A chip in the sentence has the probability of that one
  token instead.
- An object is called by the likeliest class at its class token (§2.3), whatever was drawn there;
  its line says so where the two differ.
- Nothing removes duplicates. An object of the same class over one written before it (IoU above
  {iou:g}) is marked "again"; *Experiments* counts how many there are, on photos and on scenes, with
  the noise class and without.{doubles}
- Another seed is another sentence. What only one sample in eight contains may not be there.
- Not for decisions about people: no identification, no surveillance, no safety functions.

## Likelihood, then reward
The paper raises the likelihood of given sentences, token by token: a coordinate that is one bin off
costs as much as a wrong class, and a second sentence about the same object costs nothing at all.
A detector is judged otherwise: by how many of its boxes are right. So today's models of this kind
learn twice: after likelihood they write several sentences about a picture, every object is scored,
and what did better than the other sentences' mean becomes likelier (REINFORCE: Pinto et al.,
*Tuning computer vision models with task rewards*, [arXiv
2302.08242](https://arxiv.org/abs/2302.08242); Rex-Omni, [arXiv
2510.12798](https://arxiv.org/abs/2510.12798), does it with GRPO). Nobody says any more how to write
the sentence, only how good it was. The command *train* with *objective reward* is that second
lesson; the training log in the repository has what it changed.

## Following the encoder's drafts
A small decoder writes what it is sure of, and then variations of that: much of what the encoder has
seen is never written. Some encoders put drafts, guesses of their own, into the memory. *Follow the
encoder's drafts* has every edge after the first object pulled towards the surest draft that no
object covers yet: a bell around the draft's edge is added to the decoder's logits, as speech
recognisers add the words that they expect (shallow fusion). Where exactly the edge lies, what the
object is called and whether it is one at all, the decoder says; the inspector names the draft that
pulled. Switch it off under *More* to see the decoder alone. The tree of sentences, the three ways
of lesson 5 and all that puts the decoder's memory on trial always show it alone.

## Your pictures
Everything runs on the computer that serves this page. A picture is kept in memory until newer ones
push it out, is reachable only from the tab that sent it, and goes nowhere else; uploaded files are
deleted within two hours. The page itself loads nothing from other servers{frame}.

## Rights
The code is Apache-2.0. Example photos are in the public domain (NASA,
public-domain-image.com; CC0 by their photographers, at Pexels and Pixabay or in scikit-image); each
is credited in the repository's *assets/CREDITS.md*. Scenes are composed from Microsoft's
*Fluent Emoji*, MIT licence. Weights have the licence that the table names.
"""

_FRAME = (
    "; around every Space, Hugging Face and Gradio put a frame of theirs, which asks "
    "huggingface.co and fonts.googleapis.com"
)

_FAMILIES = {
    "explorer": "this repository",
    "google": "Google Research",
    "shariatnia": "Moein Shariatnia",
}
_METADATA = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")


def about_text(predictor: Predictor | None, problem: str, names: list[str]) -> str:
    """The component's value: the loaded checkpoint, its vocabulary, and the table.

    Args:
        problem: why no checkpoint is loaded.
        names: of the menu, in its order.
    """
    loaded = None if predictor is None else predictor.name
    value = {
        "loaded": loaded,
        "problem": problem,
        "facts": [] if predictor is None else _facts(predictor),
        "vocabulary": None if predictor is None else _vocabulary(predictor),
        "checkpoints": [_row(_info_of(name, predictor)) for name in names],
    }
    return json.dumps(value, separators=(",", ":"))


def model_card(text: str) -> str:
    """A checkpoint's own card, as far as a page shows it: without pictures and metadata."""
    return _IMAGE.sub("", _METADATA.sub("", text))


def limits_text(name: str) -> str:
    """What to keep in mind, with the checkpoint's own doubles where they were counted."""
    counted = load_doubles(name) or {}
    doubles = [
        f" {kind.capitalize()}: {doubles_in_words(one['shown'])}" for kind, one in counted.items()
    ]
    frame = _FRAME if os.environ.get(SPACE_VARIABLE) else ""
    return _LIMITS.format(iou=DOUBLE_IOU, doubles="".join(doubles), frame=frame)


def _info_of(name: str, predictor: Predictor | None) -> CheckpointInfo:
    if predictor is not None and predictor.name == name:
        return predictor.info
    return CHECKPOINTS.get(name) or CheckpointInfo(name=name, title="a local folder")


def _facts(predictor: Predictor) -> list[list[str]]:
    """What people ask about a model first, as (term, answer)."""
    info, config = predictor.info, predictor.tokenizer.config
    options = predictor.resolve()
    height, width = predictor.preprocess.image_size
    weights = sum(parameter.numel() for parameter in predictor.model.parameters())
    noise = "with a noise class" if config.noise_id is not None else "without a noise class"
    facts = [
        ("Name", info.title or info.name),
        ("Made by", _FAMILIES.get(info.family, info.family)),
        ("Source", info.source),
        ("Licence", info.licence),
        ("Sees", f"{width} × {height} pixels, {predictor.preprocess.fit}"),
        ("Writes", f"up to {config.max_objects} objects, {noise}"),
        ("Size", f"{weights / 1e6:.1f} million weights"),
        ("Quality", _quality(info)),
        ("Recommends", _recommendation(options)),
        ("Runs on", str(predictor.device)),
    ]
    return [[term, text] for term, text in facts if text]


def _quality(info: CheckpointInfo) -> str:
    if info.ap is None:
        return info.ap_note
    return f"AP {100 * info.ap:.1f}" + (f", {info.ap_note}" if info.ap_note else "")


def _recommendation(options) -> str:
    sampled = (
        "argmax"
        if options.temperature == 0
        else f"temperature {options.temperature:g}, top-p {options.top_p:g}"
    )
    end = "keep going" if options.eos == "delay" else "stop at EOS"
    drafts = ", following the encoder's drafts" if options.follow_drafts else ""
    score = "class" if options.score == "class" else "class and edges"
    return (
        f"{sampled}, {end}{drafts}, at most {options.max_objects} objects; "
        f"boxes whose {score} score {options.score_threshold:g} or more"
    )


def _vocabulary(predictor: Predictor) -> dict:
    tokenizer = predictor.tokenizer
    return {
        "size": tokenizer.vocab_size,
        "slots": list(tokenizer.slots),
        "stretches": [asdict(stretch) for stretch in vocabulary_stretches(tokenizer)],
    }


def _row(info: CheckpointInfo) -> dict:
    return {
        "name": info.name,
        "title": info.title,
        "family": _FAMILIES.get(info.family, info.family),
        "ap": None if info.ap is None else round(100 * info.ap, 1),
        "note": info.ap_note,
        "megabytes": None if info.size_mb is None else round(info.size_mb),
        "licence": info.licence,
        "here": checkpoints.find(info.name) is not None,
    }


def build_about_tab(context: AppContext) -> None:
    """Place the tab and let it follow the menu of checkpoints."""
    names = [name for _, name in context.choices]
    opening = context.default_checkpoint
    with gr.Column(elem_classes="p2s-prose"):
        gr.Markdown(_INTRO)
    sheet = gr.HTML(
        value=about_text(context.default_predictor(), context.problem, names),
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        apply_default_css=False,
        elem_id="about",
        padding=False,
    )
    predictor = context.default_predictor()
    card_text = model_card(predictor.card if predictor is not None else "")
    with gr.Accordion(
        "The checkpoint's own model card", open=False, visible=bool(card_text)
    ) as card_frame:
        card = gr.Markdown(card_text, elem_id="model-card")
    with gr.Column(elem_classes="p2s-prose"):
        limits = gr.Markdown(limits_text(opening), elem_id="about-limits")

    def follow(name: str):
        try:
            predictor = context.predictor(name)
        except ConfigError:  # pushed off the shelf meanwhile, and gone from the disk
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        shown = model_card(predictor.card)
        text = about_text(predictor, "", names)
        return text, shown, gr.update(visible=bool(shown)), limits_text(name)

    context.loaded.change(
        follow,
        context.loaded,
        [sheet, card, card_frame, limits],
        show_progress="hidden",
        api_visibility="private",
    )
