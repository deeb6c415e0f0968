"""Answers to the stage's questions, fetched on demand so that streaming never pays for them.

Each takes one dict from the page and returns plain JSON; a ``ConfigError`` comes back as
``{"error": ...}``. They bypass Gradio's queue, so they only do what takes milliseconds. The run's
unguessable id is what entitles a caller to its data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor

from pix2seq.asking import Answer, ask
from pix2seq.config import SLOTS_PER_OBJECT, ConfigError, SamplingOptions
from pix2seq.sampling import drawn_token, explain_step
from pix2seq.ui.kit.controls import NAMES, READING_OPTIONS, SETTINGS, options_from_values
from pix2seq.ui.visit import record
from pix2seq.ui.visit.pictures import PictureAnswers
from pix2seq.ui.visit.questions import answering, server_function
from pix2seq.ui.visit.runs import LOOKS, Run
from pix2seq.ui.write import exports
from pix2seq.ui.write.attention import decoder_looked, encoder_looks

_ALTERNATIVES = 12
_LEAST_MODE = 0.02  # a peak with less probability is not worth drawing


class Answers(PictureAnswers):
    """The server functions of the stage over one ``AppContext``."""

    def functions(self) -> list[Callable[[dict], dict]]:
        """What the component registers; their names are the page's ``server.<name>``. Gradio runs
        them in threads, so a slow one (a GIF) does not hold up the server."""
        methods = (
            self.picture,
            self.loading,
            self.explain,
            self.attention,
            self.look_around,
            self.asked,
            self.reread,
            self.export,
            self.snippets,
        )
        return [server_function(method) for method in methods]

    @answering
    def loading(self, question: dict) -> dict:
        """Whether a checkpoint is being loaded right now, and what its download has so far; and how
        many pictures wait for the network to look at them."""
        known = {name for _, name in self.context.choices}
        name = question.get("checkpoint")
        now = self.context.shelf.loading(name) if name in known else None
        told = {"loading": now is not None, "looking": len(LOOKS)}
        return told | ({} if now is None else asdict(now))

    @answering
    def explain(self, question: dict) -> dict:
        """One token's distribution, stage by stage, under the given or the run's own settings."""
        run = self.context.run_of(question).restore()
        step = run.step_at(int(question["index"]))
        options, note = self._tried(run, question)
        tokenizer = run.predictor.tokenizer
        stages = explain_step(step.logits, tokenizer, step.index, options)
        # A bin that is no cell's centre has no probability of its own among the cells.
        before = stages.cells if float(stages.cells[step.token_id]) > 0 else stages.raw
        stage_list = (before, stages.allowed, stages.tempered, stages.final)
        coordinate = tokenizer.slot(step.index) != "class"
        shown = list(tokenizer.coord_ids) if coordinate else []
        order = before.argsort(descending=True, stable=True)
        rank = int((order == step.token_id).nonzero()[0, 0]) + 1
        best = _alternatives(before, stages.final, step.token_id, tokenizer.noise_id, coordinate)
        kinds = {
            "coord": tokenizer.coord_mask,
            "class": tokenizer.class_mask,
            "noise": _only(tokenizer.noise_id, tokenizer.vocab_size),
            "eos": _only(tokenizer.eos_id, tokenizer.vocab_size),
        }
        return {
            "index": step.index,
            "token": step.token_id,
            "slot": tokenizer.slot(step.index),
            "rank": rank,
            "entropies": [_entropy(stage) for stage in stage_list],
            "counts": [int((stage > 0).sum()) for stage in stage_list],
            "chosen": [float(stage[step.token_id]) for stage in stage_list],
            "first": shown[0] if shown else None,
            "axis": [_rounded(stage[shown]) for stage in stage_list] if shown else None,
            "best": [
                {"id": i, "text": tokenizer.describe(i).text, "kind": tokenizer.describe(i).kind}
                | {"stages": [float(stage[i]) for stage in stage_list]}
                for i in best
            ],
            "kinds": {name: float(stages.raw[mask].sum()) for name, mask in kinds.items()},
            "modes": _modes(stages.raw[shown], shown) if shown else [],
            "cells": options.num_bins if options.num_bins < tokenizer.num_bins else None,
            "drawn": drawn_token(stages, options.seed, step.index),
            "arithmetic": step.arithmetic,
            "whatIf": _decides(options) != _decides(run.options),
            "note": note,
            "settings": {
                "temperature": options.temperature,
                "top_k": options.top_k,
                "top_p": options.top_p,
                "seed": options.seed,
            },
        }

    @answering
    def attention(self, question: dict) -> dict:
        """Where the decoder looked when it wrote a token; see ``attention.decoder_looked``."""
        run = self.context.run_of(question).restore()
        run.step_at(int(question["index"]))
        return decoder_looked(run, question)

    @answering
    def look_around(self, question: dict) -> dict:
        """Where the encoder looks from the image cell under pixel (``x``, ``y``)."""
        return encoder_looks(self.context.run_of(question), question)

    @answering
    def asked(self, question: dict) -> dict:
        """What the model calls the box that a sentence begins with: as its first words, and behind
        the objects that were on view when somebody asked."""
        run = self.context.run_of(question)
        box = run.prompt[:-1] if len(run.prompt) == SLOTS_PER_OBJECT else run.prompt
        if len(box) != SLOTS_PER_OBJECT - 1 or not run.forced.issuperset(range(len(box))):
            raise ConfigError("this sentence does not begin with a whole box that somebody drew")
        encoding = run.picture.encoded_by(run.predictor)
        answers = {"first": ask(run.predictor, encoding, box)}
        if run.behind:
            answers["behind"] = ask(run.predictor, encoding, box, run.behind)
        return {place: _answer(run, answer) for place, answer in answers.items()}

    @answering
    def reread(self, question: dict) -> dict:
        """Read the same tokens under another noise mode or threshold: ``B`` lines, no model."""
        run = self.context.run_of(question).restore()
        options = _read_with(run, question.get("values"))
        encoding = run.picture.encoded_by(run.predictor)
        lines = record.object_lines(run.predictor.reading(encoding, list(run.steps), options))
        return {"lines": "".join(lines)}

    @answering
    def export(self, question: dict) -> dict:
        """A file to take away; see ``exports.export``."""
        run = self.context.run_of(question).restore()
        options = _read_with(run, question.get("values"))
        shown = question.get("shown")
        return exports.export(
            run, str(question.get("kind")), None if shown is None else int(shown), options
        )

    @answering
    def snippets(self, question: dict) -> dict:
        """The run as code and as a link."""
        run = self.context.run_of(question).restore()
        return exports.snippets(run, _read_with(run, question.get("values")))

    def _tried(self, run: Run, question: dict) -> tuple[SamplingOptions, str]:
        """Settings to look at a token with, and what there is to say about them: the controls',
        or the run's own where the controls belong to another checkpoint."""
        values, checkpoint = question.get("values"), question.get("checkpoint")
        if values is None:
            return run.options, ""
        chosen = self.context.shelf.peek(checkpoint) if isinstance(checkpoint, str) else None
        name = checkpoint if chosen is None else chosen.name
        if name not in (None, run.predictor.name):
            return run.options, (
                f"Written by {run.predictor.name}: shown with the settings it was written with, "
                "the controls now belong to another checkpoint."
            )
        return options_from_values(run.predictor, _by_name(values)), ""


def _answer(run: Run, answer: Answer) -> dict:
    """An answer in words: what the box is called, and how probable that is."""
    names = [run.predictor.categories.name(label) for label in answer.labels]
    named = [{"name": name, "prob": p} for name, p in zip(names, answer.probs, strict=True)]
    return {"classes": named, "noise": answer.noise_prob, "isNoise": answer.is_noise}


def _read_with(run: Run, values: object) -> SamplingOptions:
    """The run's options with the controls' filters of finished objects, whichever checkpoint the
    other controls belong to."""
    if values is None:
        return run.options
    wanted = _by_name(values)
    return run.options.replace(**{one.field: wanted[one.name] for one in SETTINGS if one.reading})


def _by_name(values: object) -> dict:
    if not isinstance(values, dict) or set(values) != set(NAMES):
        raise ConfigError("settings must be the values of all controls by name")
    return values


def _alternatives(
    raw: Tensor, final: Tensor, chosen: int, noise_id: int | None, coordinate: bool
) -> list[int]:
    """Ids worth listing: the likeliest, the chosen one, and at a class slot the noise class."""
    best = raw.topk(min(_ALTERNATIVES, len(raw))).indices.tolist()
    must = [chosen] if coordinate or noise_id is None else [chosen, noise_id]
    must += [i for i in final.topk(1).indices.tolist() if float(final[i]) > 0]
    extra = [i for i in dict.fromkeys(must) if i not in best]
    return best[: _ALTERNATIVES - len(extra)] + extra


def _modes(axis: Tensor, ids: list[int]) -> list[dict]:
    """The separate peaks of a coordinate's distribution, likeliest first: other places where the
    edge might be. A peak's mass is that of the bins nearer to it than half the peaks' distance."""
    reach = max(len(axis) // 50, 1)
    padded = torch.nn.functional.pad(axis[None, None], (reach, reach))
    smooth = torch.nn.functional.avg_pool1d(padded, 2 * reach + 1, stride=1)[0, 0]
    best = torch.nn.functional.max_pool1d(smooth[None, None], 2 * reach + 1, 1, reach)[0, 0]
    at = [i for i in (smooth == best).nonzero()[:, 0].tolist() if smooth[i] > 0]
    peaks = []
    for i in sorted(at, key=lambda i: -float(smooth[i])):
        low, high = max(i - reach, 0), i + reach + 1
        mass = float(axis[low:high].sum())
        if mass < _LEAST_MODE or any(abs(i - other) <= 2 * reach for other, _ in peaks):
            continue
        peaks.append((low + int(axis[low:high].argmax()), mass))
    return [{"id": ids[i], "mass": mass} for i, mass in peaks[:4]]


def _decides(options: SamplingOptions) -> SamplingOptions:
    """Only what decides which token is drawn at one place, given its logits: filters of finished
    objects and the sentence's length do not, and a pull is in the logits already."""
    usual = SamplingOptions()
    return options.replace(
        max_objects=usual.max_objects,
        follow_drafts=usual.follow_drafts,
        **{name: getattr(usual, name) for name in READING_OPTIONS},
    )


def _only(token_id: int | None, size: int) -> Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    if token_id is not None:
        mask[token_id] = True
    return mask


def _entropy(distribution: Tensor) -> float:
    return float(-torch.xlogy(distribution, distribution).sum()) + 0.0


def _rounded(values: Tensor) -> list[float]:
    """Six decimals: enough to draw, few bytes."""
    return [round(value, 6) for value in values.tolist()]
