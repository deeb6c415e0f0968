"""Hand-made run records: what the views are drawn from, with no model behind them."""

from __future__ import annotations

from collections.abc import Sequence

from pix2seq.config import SamplingOptions
from pix2seq.render.fields import RecordDetection, RecordImage, RecordTiming, RecordToken
from pix2seq.render.record import RunRecord

SLOTS = ("ymin", "xmin", "ymax", "xmax", "class")
OPTIONS = SamplingOptions(
    temperature=1.0,
    top_p=0.4,
    top_p_rule="nucleus",
    max_objects=8,
    eos="model",
    grammar=True,
    follow_drafts=False,
    num_bins=32,
    noise="paper",
    score="class",
    score_threshold=0.0,
    seed=3,
)


def token(index: int, token_id: int, slot: str, text: str, **changes) -> RecordToken:
    """A token with unremarkable numbers."""
    values = {
        "object": None if slot == "eos" else index // 5,
        "pixel": None,
        "label": None,
        "logprob": -0.5,
        "prob": 0.6,
        "entropy": 1.0,
        "kept": 3,
        "kept_mass": 0.5,
        "grammar_mass": 1.0,
        "eos_prob": 0.0,
        "drawn": True,
        "forced": False,
    }
    return RecordToken(index=index, id=token_id, slot=slot, text=text, **{**values, **changes})


def make_record(
    objects: Sequence[tuple[tuple[int, int, int, int], str, float]] = (
        ((10, 20, 70, 80), "dog", 0.9),
        ((60, 5, 110, 60), "cat", 0.4),
    ),
    size: tuple[int, int] = (120, 90),
    eos: bool = True,
    unfinished: int = 0,
    noise: Sequence[int] = (),
    forced: int = 0,
    slots: Sequence[str] = SLOTS,
    options: SamplingOptions = OPTIONS,
    **changes,
) -> RunRecord:
    """A run over an image of ``size`` (width, height).

    Args:
        objects: (``xyxy`` pixels, label, score); labels are numbered in order.
        unfinished: how many tokens of one more object follow.
        noise: numbers of the objects that are marked as noise.
        forced: how many tokens at the start a person gave.
    """
    tokens: list[RecordToken] = []
    found = []
    for number, (box, label, score) in enumerate(objects):
        places = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        first = len(tokens)
        for slot in slots:
            at = len(tokens)
            if slot == "class":
                real = None if number in noise else number
                tokens.append(token(at, 100 + number, slot, label, label=real, prob=score))
            else:
                value = places[slot]
                tokens.append(token(at, 4 + value % 32, slot, str(value % 32), pixel=float(value)))
        found.append(
            RecordDetection(
                object=number,
                box=tuple(float(v) for v in box),
                label=label,
                label_id=number,
                category_id=number + 1,
                score=score,
                noise_probability=0.1,
                is_noise=number in noise,
                token_ids=tuple(t.id for t in tokens[first:]),
            )
        )
    for slot in slots[:unfinished]:
        tokens.append(token(len(tokens), 14, slot, "10", pixel=30.0))
    if eos:
        tokens.append(token(len(tokens), 2, "eos", "EOS"))
    for index in range(forced):
        tokens[index] = tokens[index].replace(drawn=False, forced=True)
    values = {
        "checkpoint": "mini",
        "image": RecordImage(*size, name="photo.jpg"),
        "options": options,
        "num_bins": 32,
        "tokens": tuple(tokens),
        "detections": tuple(found),
        "timing": RecordTiming(encode_s=0.1, decode_s=0.2, tokens_per_s=len(tokens) / 0.2),
    }
    return RunRecord(**{**values, **changes})
