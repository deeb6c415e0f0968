"""Lesson 5, inference: three ways to write one sentence, and what each has found (paper, sections
2.2 and 2.3)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.categories import Categories
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.reading import Reading
from pix2seq.sampling import SamplingStep
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.learn.subject import Subject, page_boxes
from pix2seq.ui.learn.views import line
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.writer import FLUSH_SECONDS

_LIMIT = 20  # objects per pane: enough to see the difference, short enough to wait for


def three_ways(subject: Subject, question: dict) -> list[tuple[str, SamplingOptions]]:
    """Argmax, nucleus (section 2.2) and altered inference (section 2.3) with one seed; the paper's
    decoder writes alone, so no drafts are followed."""
    predictor = subject.needs_model()
    limit = min(_LIMIT, predictor.tokenizer.config.max_objects)
    top_p, seed = float(question.get("top_p", 0.4)), int(question.get("seed", 0))
    argmax = SamplingOptions(
        temperature=0.0,
        top_p=1.0,
        eos="model",
        seed=seed,
        max_objects=limit,
        score_threshold=0.0,
        follow_drafts=False,
    )
    nucleus = argmax.replace(temperature=1.0, top_p=top_p)
    ways = {"argmax": argmax, "nucleus": nucleus, "altered": nucleus.replace(eos="delay")}
    return [(name, predictor.resolve(options)) for name, options in ways.items()]


def write_three(
    context: AppContext, subject: Subject, question: dict, session: str
) -> Iterator[str]:
    """Three sentences in turn, a few tokens per flush; each becomes a run that can be read."""
    predictor = subject.needs_model()
    runs = [
        Run(subject.picture, predictor, options) for _, options in three_ways(subject, question)
    ]
    for run in runs:
        context.keep(run, session)
    encoding = subject.picture.encoded_by(predictor)
    streams = [predictor.stream(encoding, run.options) for run in runs]
    # While it is written every box is shown, noise too; filters come at the end.
    readers = [predictor.reader(encoding, run.options.replace(noise="show")) for run in runs]
    yield line("panes", runs=[run.id for run in runs])
    try:
        lines = ""
        flushed = time.monotonic()
        for steps in zip_longest(*streams):
            for pane, (run, step) in enumerate(zip(runs, steps, strict=True)):
                if step is not None:
                    run.steps.append(step)
                    lines += _token_line(pane, step, predictor.tokenizer)
                    lines += _object_line(pane, readers[pane].add([step]), predictor.tokenizer)
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                yield lines
                flushed, lines = time.monotonic(), ""
        yield lines
    finally:
        for stream in streams:
            stream.close()


def _token_line(pane: int, step: SamplingStep, tokenizer: Tokenizer) -> str:
    return line(
        "t",
        p=pane,
        slot=step.slot,
        text=tokenizer.describe(step.token_id).text,
        noise=step.token_id == tokenizer.noise_id,
        prob=round(math.exp(step.logprob), 4),
    )


def _object_line(pane: int, finished: Reading, tokenizer: Tokenizer) -> str:
    if not len(finished) or finished.states[0] == "flat":
        return ""
    found = finished.every
    boxes = page_boxes(found.boxes, found.labels, tokenizer.categories)
    return line("o", p=pane, boxes=boxes, noise=bool(found.is_noise[0]))


def sentence_facts(steps: Sequence[SamplingStep], tokenizer: Tokenizer) -> dict:
    """What a sentence is, whatever is read into it.

    Returns:
        ``nats``: the sum of -ln p of its tokens; the smaller, the likelier the sentence.
        ``noise``: boxes that were written as noise.
        ``names``, ``edges``: (class or coordinate tokens that had one candidate left, all of them).
    """
    lone = {"names": [0, 0], "edges": [0, 0]}
    for step in steps:
        if step.slot != "eos":
            count = lone["names" if step.slot == "class" else "edges"]
            count[0] += step.kept == 1
            count[1] += 1
    return {
        "nats": -sum(step.logprob for step in steps),
        "noise": sum(step.token_id == tokenizer.noise_id for step in steps),
        **lone,
    }


def matches(
    found: Detections, boxes: Tensor, labels: Tensor, iou_threshold: float = 0.5
) -> list[int | None]:
    """Which true object each detection hits, best score first, each object once. Noise, which
    names nothing, hits nothing.

    Args:
        boxes: (M, 4) true boxes.
        labels: (M,) in the detections' label space.

    Returns:
        Per detection an index into ``boxes``, or ``None``.
    """
    overlaps = box_iou(found.boxes, boxes)  # (N, M)
    wrong = (found.labels[:, None] != labels[None]) | found.is_noise[:, None]
    overlaps = overlaps.masked_fill(wrong, 0.0)
    hit: list[int | None] = [None] * len(found)
    for i in found.scores.argsort(descending=True, stable=True).tolist() if len(boxes) else ():
        overlap, j = overlaps[i].max(0)
        if overlap >= iou_threshold:
            hit[i] = int(j)
            overlaps[:, j] = 0.0
    return hit


def found_view(found: Detections, hits: list[int | None], categories: Categories) -> list[dict]:
    """Detections as the page draws them; ``hit`` says which true box each one found."""
    return [
        {
            "box": box,
            "text": categories.name(label),
            "score": score,
            "noise_score": noise_score,
            "noise": noise,
            "object": number,
            "again": again if again >= 0 else None,
            "hit": hit,
        }
        for box, label, score, noise_score, noise, number, again, hit in zip(
            found.boxes.tolist(),
            found.labels.tolist(),
            found.scores.tolist(),
            found.noise_scores.tolist(),
            found.is_noise.tolist(),
            found.objects.tolist(),
            found.again.tolist(),
            hits,
            strict=True,
        )
    ]
