"""``RunRecord``: one run as plain data, enough to show it again without a model.

A record holds the settings, every token with its numbers and its place in the photo, and what was
read off the sequence. The other views (SVG, PNG, GIF, COCO results, snippets) are drawn from it.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from PIL import Image

from pix2seq.config import ConfigError, SamplingOptions, parse_json
from pix2seq.config.tokenizer import SLOTS_PER_OBJECT
from pix2seq.detections import Detections
from pix2seq.render.fields import (
    LONGEST_TEXT,
    Plain,
    RecordCandidate,
    RecordDetection,
    RecordImage,
    RecordPull,
    RecordTiming,
    RecordToken,
)

if TYPE_CHECKING:
    from pix2seq.predictor import ImageEncoding, Predictor
    from pix2seq.sampling import SamplingStep

RECORD_FORMAT = 2
"""2 tells a prefix that the model wrote from tokens that a person gave."""
_LARGEST_RECORD = 32 * 2**20
_EMBEDDED_SIDE = 1024
Ending = Literal["eos", "limit", "stopped"]
_BOX_SIDE = {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3}  # column of an xyxy box


@dataclass(frozen=True)
class RunRecord(Plain):
    """A whole run; ``options`` are resolved, so that nothing depends on a default."""

    checkpoint: str
    image: RecordImage
    options: SamplingOptions
    num_bins: int
    tokens: tuple[RecordToken, ...]
    detections: tuple[RecordDetection, ...]
    timing: RecordTiming
    degenerate: int = 0
    format: int = RECORD_FORMAT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format != RECORD_FORMAT:
            raise ConfigError(
                f"the record has format {self.format}; this version reads {RECORD_FORMAT}"
            )
        for position, token in enumerate(self.tokens):
            if token.index != position:
                raise ConfigError(f"token {position} of the record says it is token {token.index}")

    @classmethod
    def of(
        cls,
        predictor: Predictor,
        encoding: ImageEncoding,
        steps: Sequence[SamplingStep],
        detections: Detections,
        options: SamplingOptions,
        decode_s: float,
        image_name: str = "image.jpg",
    ) -> RunRecord:
        """Collect a run.

        Args:
            predictor, encoding: who wrote, about what.
            steps: all tokens in order, those of a prefix included.
            detections: from ``predictor.read``.
            options: as given; they are resolved here.
            decode_s: seconds that the tokens took.
        """
        height, width = encoding.orig_size
        ids = [step.token_id for step in steps]
        written = sum(step.drawn for step in steps)
        return cls(
            checkpoint=predictor.name,
            image=RecordImage(width=width, height=height, name=image_name[-LONGEST_TEXT:]),
            options=predictor.resolve(options),
            num_bins=predictor.tokenizer.num_bins,
            tokens=tuple(record_tokens(predictor, encoding, steps)),
            detections=tuple(_detections(predictor, detections, ids)),
            timing=RecordTiming(
                encode_s=_rounded(encoding.seconds),
                decode_s=_rounded(decode_s),
                tokens_per_s=_rounded(written / decode_s if decode_s > 0 else 0.0),
            ),
            degenerate=detections.degenerate,
        )

    @property
    def prefix(self) -> tuple[int, ...]:
        """The ids that were there before this run drew any; pass them as ``prefix``, with
        ``forced``, to write this again."""
        return tuple(token.id for token in self.tokens if not token.drawn)

    @property
    def forced(self) -> tuple[int, ...]:
        """The positions of the tokens that a person gave."""
        return tuple(token.index for token in self.tokens if token.forced)

    @property
    def ending(self) -> Ending:
        """What ended the sentence: EOS, the limit of objects, or somebody who stopped it."""
        if any(token.slot == "eos" for token in self.tokens[-1:]):
            return "eos"
        limit = self.options.max_objects
        full = limit is not None and len(self.tokens) >= SLOTS_PER_OBJECT * limit
        return "limit" if full else "stopped"

    def with_picture(self, image: Image.Image) -> RunRecord:
        """A copy that carries the picture (at most 1024 px, JPEG), so that it replays anywhere."""
        picture = image.convert("RGB")
        picture.thumbnail((_EMBEDDED_SIDE, _EMBEDDED_SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=88)
        data = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
        return dataclasses.replace(self, image=dataclasses.replace(self.image, data=data))

    def to_json(self) -> str:
        """One compact line; NaN and infinity cannot occur."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Read a record. Raises ``ConfigError`` saying what is wrong with it."""
        if len(text) > _LARGEST_RECORD:
            raise ConfigError(
                f"the record has {len(text) >> 20} MiB; at most {_LARGEST_RECORD >> 20}"
            )
        try:
            return cls.from_dict(_in_this_format(parse_json(text)))
        except ConfigError as error:
            raise ConfigError(f"this is not a run record: {str(error)[:200]}") from None
        except (TypeError, ValueError, AttributeError, RecursionError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"this is not a run record: {reason[:120]}") from None

    def summary(self) -> dict[str, Any]:
        """What ``detect --json`` and the API answer: the run without its inner numbers."""
        return {
            "image": {"width": self.image.width, "height": self.image.height},
            "checkpoint": self.checkpoint,
            "options": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.options.to_dict().items()
            },
            "detections": [detection_summary(found) for found in self.detections],
            "tokens": [token_summary(token) for token in self.tokens],
            "ending": self.ending,
            "timing": self.timing.to_dict(),
        }

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """COCO result records of the named objects (``bbox`` is x, y, width, height).

        They have no place for a mark, so objects that are only reported because they are noise or a
        person's stay out.
        """
        least = self.options.score_threshold or 0.0
        results = []
        for found in self.detections:
            by_score = found.score >= least and not found.is_noise
            if found.category_id is not None and by_score:
                x0, y0, x1, y1 = found.box
                results.append(
                    {
                        "image_id": image_id,
                        "category_id": found.category_id,
                        "bbox": [x0, y0, _rounded(x1 - x0), _rounded(y1 - y0)],
                        "score": found.score,
                    }
                )
        return results


def _in_this_format(data: Any) -> Any:
    """A record's plain data as this version writes them. Format 1 called every token of a prefix
    forced, so that what a person gave cannot be told apart: all of it stays marked as theirs."""
    if not isinstance(data, dict):
        return data
    if isinstance(data.get("options"), dict):  # resolved when no draft could be followed
        data = {**data, "options": {"follow_drafts": False, **data["options"]}}
    if data.get("format", 1) != 1:
        return data
    tokens = data.get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        return data
    tokens = [{"drawn": not token.get("forced"), **token} for token in tokens]
    return {**data, "format": RECORD_FORMAT, "tokens": tokens}


def token_summary(token: RecordToken) -> dict[str, Any]:
    """The part of a token that scripts ask for."""
    return {
        "index": token.index,
        "id": token.id,
        "slot": token.slot,
        "text": token.text,
        "logprob": token.logprob,
        "entropy": token.entropy,
    }


def detection_summary(found: RecordDetection) -> dict[str, Any]:
    """The part of an object that scripts ask for."""
    return {
        "box": list(found.box),
        "label": found.label,
        "label_id": found.label_id,
        "score": found.score,
        "noise_probability": found.noise_probability,
        "edge_score": found.edge_score,
        "is_noise": found.is_noise,
        "written": found.written,
        "forced": found.forced,
        "again": found.again,
        "token_ids": list(found.token_ids),
    }


def record_detections(
    predictor: Predictor, steps: Sequence[SamplingStep], detections: Detections
) -> list[RecordDetection]:
    """What was read from some steps as plain data, for a stream that cannot wait for the end."""
    return _detections(predictor, detections, [step.token_id for step in steps])


def record_token(predictor: Predictor, encoding: ImageEncoding, step: SamplingStep) -> RecordToken:
    """One step as plain data, for a stream that cannot wait for the end."""
    return record_tokens(predictor, encoding, [step])[0]


def record_tokens(
    predictor: Predictor, encoding: ImageEncoding, steps: Sequence[SamplingStep]
) -> list[RecordToken]:
    """Some steps as plain data."""
    tokenizer = predictor.tokenizer
    pixels = _pixels(predictor, encoding, [step.token_id for step in steps])
    tokens = []
    for step, place in zip(steps, pixels, strict=True):
        info = tokenizer.describe(step.token_id)
        side = _BOX_SIDE.get(step.slot)
        tokens.append(
            RecordToken(
                index=step.index,
                id=step.token_id,
                slot=step.slot,
                text=info.text,
                object=None if step.slot == "eos" else tokenizer.object_of(step.index),
                pixel=place[side] if side is not None and info.kind == "coord" else None,
                label=info.value if info.kind == "class" else None,
                logprob=_rounded(step.logprob),
                prob=_rounded(step.prob),
                entropy=_rounded(step.entropy),
                kept=step.kept,
                kept_mass=_rounded(step.kept_mass),
                grammar_mass=_rounded(step.grammar_mass),
                eos_prob=_rounded(step.eos_prob),
                drawn=step.drawn,
                forced=step.forced,
                candidates=tuple(
                    RecordCandidate(
                        id=candidate.token_id,
                        text=tokenizer.describe(candidate.token_id).text,
                        prob=_rounded(candidate.prob),
                        final_prob=_rounded(candidate.final_prob),
                    )
                    for candidate in step.candidates
                ),
                pull=_pull(step),
            )
        )
    return tokens


def _pull(step: SamplingStep) -> RecordPull | None:
    if step.pull is None:
        return None
    pull = step.pull
    return RecordPull(pull.centre, _rounded(pull.width), pull.draft, _rounded(pull.sure))


def _pixels(predictor: Predictor, encoding: ImageEncoding, ids: list[int]) -> list[list[float]]:
    """Every id read as a coordinate, on all four sides: (T, 4) pixels, clipped to the image."""
    values = predictor.tokenizer.coord_values(torch.tensor(ids, dtype=torch.long))
    boxes = encoding.letterbox.invert_boxes(values[:, None].expand(-1, 4))
    height, width = encoding.orig_size
    limit = boxes.new_tensor([width, height, width, height])
    clipped = torch.minimum(boxes.clamp(min=0), limit)
    return [[_rounded(value) for value in row] for row in clipped.tolist()]


def _detections(
    predictor: Predictor, detections: Detections, ids: list[int]
) -> list[RecordDetection]:
    tokenizer, categories = predictor.tokenizer, predictor.categories
    found = []
    for i, label in enumerate(detections.labels.tolist()):
        at = int(detections.objects[i])
        first, stop = tokenizer.sequence_length(at), tokenizer.sequence_length(at + 1)
        named = label < len(categories) and categories.names[label] is not None
        found.append(
            RecordDetection(
                object=at,
                box=tuple(_rounded(value) for value in detections.boxes[i].tolist()),
                label=categories.name(label),
                label_id=label,
                category_id=categories.ids[label] if named else None,
                score=_rounded(float(detections.scores[i])),
                noise_probability=_rounded(float(detections.noise_scores[i])),
                edge_score=_rounded(float(detections.edge_scores[i])),
                is_noise=bool(detections.is_noise[i]),
                token_ids=tuple(ids[first:stop]),
                written=tokenizer.describe(ids[stop - 1]).text,
                forced=bool(detections.forced[i]),
                again=again if (again := int(detections.again[i])) >= 0 else None,
            )
        )
    return found


def _rounded(value: float) -> float:
    """Six significant digits: a float32 has no more to say, and records stay small."""
    return float(f"{value:.6g}")
