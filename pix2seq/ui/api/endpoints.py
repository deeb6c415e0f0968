"""The named endpoints: the same runs and answers as the page's, for programs.

``client.predict(handle_file("photo.jpg"), "mini", api_name="/detect")`` returns one JSON object;
``client.submit(..., api_name="/detect_stream")`` one per token. ``/tree`` grows the tree of
sentences, ``/ask`` says what is at a place. Parameters are the page's controls, so their defaults
are the ones that the page shows; their limits are those of the named checkpoint.
"""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import gradio as gr
from anyio import to_thread

from pix2seq import logs
from pix2seq.asking import Answer, ask, box_tokens
from pix2seq.branching import LEAVES, grow_tree, with_rivals, write_rivals
from pix2seq.config import ConfigError, require_number, require_whole, short
from pix2seq.predictor import Predictor
from pix2seq.render import (
    RunRecord,
    detection_summary,
    record_detections,
    record_tokens,
    token_summary,
)
from pix2seq.sampling import SamplingStep
from pix2seq.ui.kit.controls import SETTINGS, named_values, options_from_values
from pix2seq.ui.kit.parameter import parameter
from pix2seq.ui.kit.upload import photo_input
from pix2seq.ui.visit.bursts import in_bursts
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext


def signature_of(returns: object, **more: object) -> inspect.Signature:
    """What a program may say: an image, a checkpoint, ``more`` by name and type, and every sampling
    control by its name. Gradio reads parameters off a function's signature."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("image", kind, annotation=str | None),
        inspect.Parameter("checkpoint", kind, annotation=str),
        *(inspect.Parameter(name, kind, annotation=one) for name, one in more.items()),
        *(inspect.Parameter(one.name, kind, annotation=one.type) for one in SETTINGS),
    ]
    return inspect.Signature(parameters, return_annotation=returns)


def build_api(context: AppContext) -> None:
    """Register the endpoints, set as the page's controls are; nothing of it is visible."""

    # The widgets' defaults are those of the checkpoint that the page opens with; left alone, they
    # mean "what the chosen checkpoint recommends".
    usual = {name: widget.value for name, widget in context.controls.items()}

    def prepare(image, checkpoint, values, told):
        """What a call is about; ``told`` is what the log will say of it."""
        asked = named_values(values)
        if not image:  # the page's own words would send a program to its buttons
            raise ConfigError("there is no image; give one: image=handle_file('photo.jpg')")
        predictor = context.predictor(checkpoint)
        told["checkpoint"] = predictor.name
        if checkpoint != context.default_checkpoint:
            said = {one.name: one.read(asked[one.name]) for one in SETTINGS}
            same = {one.name for one in SETTINGS if said[one.name] == one.read(usual[one.name])}
            asked = {name: None if name in same else value for name, value in asked.items()}
        options = options_from_values(predictor, asked)
        picture = context.asked_about(image)
        told["width"], told["height"] = picture.image.size
        encoding = picture.encoded_by(predictor)
        told["encoding_seconds"] = round(encoding.seconds, 4)
        return predictor, options, encoding

    def detect(image, checkpoint, *values):
        """Find the objects in an image: boxes in its own pixels, labels, scores, every token."""
        with _call("/detect") as told:
            predictor, options, encoding = prepare(image, checkpoint, values, told)
            started = time.perf_counter()
            steps = list(predictor.stream(encoding, options))
            seconds = time.perf_counter() - started
            found = predictor.read(encoding, steps, options)
            told.update(tokens=len(steps), objects=len(found))
            run = RunRecord.of(predictor, encoding, steps, found, options, seconds)
            return run.summary()

    async def detect_stream(image, checkpoint, *values):
        """The same, token by token: each message is one token and the objects it completed."""
        with closing(messages(image, checkpoint, values)) as bursts:
            while burst := await to_thread.run_sync(next, bursts, None):
                for message in burst:
                    yield message

    def messages(image, checkpoint, values) -> Iterator[list[dict]]:
        """What ``detect_stream`` sends, in bursts: a thread is asked for each burst, not for each
        message, and what a burst has written is read at once."""
        with _call("/detect_stream") as told:
            predictor, options, encoding = prepare(image, checkpoint, values, told)
            reader = predictor.reader(encoding, options)
            written: list[SamplingStep] = []
            detections: list[dict] = []
            with closing(predictor.stream(encoding, options)) as stream:
                for steps in in_bursts(stream):
                    written += steps
                    read = deque(
                        record_detections(predictor, written, reader.add(steps).detections())
                    )
                    burst = []
                    for token in record_tokens(predictor, encoding, steps):
                        while read and read[0].object == token.object and token.slot == "class":
                            detections.append(detection_summary(read.popleft()))
                        burst.append(
                            {"token": token_summary(token), "detections": list(detections)}
                        )
                    told.update(tokens=len(written), objects=len(detections))
                    yield burst

    def tree(image, checkpoint, ids, leaves, *values):
        """Where the model hesitates, what else it could say, and where that leads: every path with
        its tokens, its cost in nats and its objects. A path ends where the model itself says EOS,
        whatever ``eos`` is. ``ids`` are tokens that all paths begin with, ``leaves`` the number of
        paths at most."""
        with _call("/tree") as told:
            predictor, options, encoding = prepare(image, checkpoint, values, told)
            given = _list_of(ids, int, "ids")
            leaves = require_whole("leaves", leaves)
            name = Path(image).name
            grown = grow_tree(predictor, encoding, options, given, leaves, image_name=name)
            told["paths"] = len(grown.branches)
            return with_rivals(grown, write_rivals(predictor, encoding, options)).to_dict()

    def ask_place(image, checkpoint, box, behind, *values):
        """What the model calls a box (xyxy in the image's pixels): as the first word, and, where
        ``behind`` gives token ids of whole objects, behind that sentence (the last object of a
        full one makes room)."""
        with _call("/ask") as told:
            predictor, _, encoding = prepare(image, checkpoint, values, told)
            sides = _list_of(box, float, "box")
            if len(sides) != 4:
                raise ConfigError(f"box has {len(sides)} numbers; give x0, y0, x1 and y1 in pixels")
            if not (sides[0] < sides[2] and sides[1] < sides[3]):
                raise ConfigError(f"box is {sides}; x0 must lie before x1 and y0 before y1")
            height, width = encoding.orig_size
            if not (sides[0] < width and sides[1] < height and sides[2] > 0 and sides[3] > 0):
                raise ConfigError(f"box is {sides}; the image has {width} x {height} pixels")
            tokens = box_tokens(predictor, encoding, sides)
            sentence = _list_of(behind, int, "behind")
            if not predictor.tokenizer.is_boundary(len(sentence)):
                raise ConfigError(f"behind has {len(sentence)} tokens; give whole objects")
            most = predictor.tokenizer.sequence_length(predictor.tokenizer.config.max_objects)
            if len(sentence) > most:
                raise ConfigError(
                    f"behind has {len(sentence)} tokens; this model's sentences have {most} at most"
                )
            answers = {"first": ask(predictor, encoding, tokens)}
            if sentence:
                answers["behind"] = ask(predictor, encoding, tokens, sentence)
            return {place: _in_words(predictor, answer) for place, answer in answers.items()}

    detect.__signature__ = signature_of(dict)
    detect_stream.__signature__ = signature_of(Iterator[dict])

    photo = photo_input(visible=False, label="image")
    menu = {"type": "string", "enum": [name for _, name in context.choices]}
    checkpoint = parameter("checkpoint", context.default_checkpoint, menu)
    settings = [parameter(one.name, usual[one.name], one.schema) for one in SETTINGS]
    inputs = [photo, checkpoint, *settings]
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(detect, inputs, answer, api_name="detect", **MODEL_QUEUE)
    gr.Button(visible=False).click(
        detect_stream,
        inputs,
        answer,
        api_name="detect_stream",
        postprocess=False,  # plain values already
        **MODEL_QUEUE,
    )
    tree.__signature__ = signature_of(dict, ids=list, leaves=int)
    ask_place.__signature__ = signature_of(dict, box=list, behind=list)
    whole, number = {"type": "integer"}, {"type": "number"}
    ids = parameter("ids", [], {"type": "array", "items": whole})
    box = parameter("box", [], {"type": "array", "items": number})
    behind = parameter("behind", [], {"type": "array", "items": whole})
    leaves = parameter("leaves", LEAVES, whole)
    gr.Button(visible=False).click(
        tree,
        [photo, checkpoint, ids, leaves, *settings],
        answer,
        api_name="tree",
        **MODEL_QUEUE,
    )
    gr.Button(visible=False).click(
        ask_place,
        [photo, checkpoint, box, behind, *settings],
        answer,
        api_name="ask",
        **MODEL_QUEUE,
    )


@contextmanager
def _call(endpoint: str) -> Iterator[dict]:
    """One call: a line in the log, whose facts it yields; what a program did wrong reaches it in
    one line, too."""
    try:
        with logs.work("call", endpoint=endpoint) as told:
            yield told
    except ConfigError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _list_of(value: object, kind: type, name: str) -> list:
    """A list of whole numbers or of numbers, as JSON carries it."""
    kinds = (int, float) if kind is float else (int,)
    numbers = value if isinstance(value, list) else None
    if numbers is None or any(isinstance(n, bool) or not isinstance(n, kinds) for n in numbers):
        what = "numbers" if kind is float else "whole numbers"
        raise ConfigError(f"{name} is {short(value)}; give a list of {what}")
    return [kind(require_number(name, n)) for n in numbers]


def _in_words(predictor: Predictor, answer: Answer) -> dict:
    named = zip(answer.labels, answer.probs, strict=True)
    return {
        "classes": [{"name": predictor.categories.name(label), "prob": p} for label, p in named],
        "noise": answer.noise_prob,
    }
