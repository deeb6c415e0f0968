"""Which pictures suit: what the page shows before anybody presses a button, for other weights.

    PYTHONPATH=. python benchmarks/mini/pictures.py [CHECKPOINT] [SCENES]

Prints, of the first scenes and of the photos, those that the tests ask for: for the opening, every
object found and nothing else shown, noise behind it, and a fork that only changes the order; for
each pair of *Compare*, both sides with boxes, and not the same ones; for *Many samples*, objects
that not all samples find. Choose by eye where the present one does not suit, and write the names
into ``ui/write/recordings.py``, ``ui/fork/recordings.py``, ``ui/tour/tools.js``,
``render/handout.py`` (the opening) and ``ui/compare/recordings.py``.
"""

from __future__ import annotations

import sys

import pix2seq
from pix2seq.boxes import box_iou
from pix2seq.config import SamplingOptions
from pix2seq.examples import PHOTOS, example_image, scene_name, scene_sample
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.ui.compare.recordings import PICTURES, SAMPLED, SAMPLES
from pix2seq.ui.compare.samples import summaries
from pix2seq.ui.compare.sides import PRESETS, preset_options
from pix2seq.ui.fork.recordings import STORY, before_fork
from pix2seq.ui.visit.examples import open_example

_SAME = "write"  # the pair whose sides are to be the same
_USUAL = SamplingOptions(seed=0)


def opens_well(predictor: Predictor, encoding: ImageEncoding, name: str) -> str:
    """What there is to say for a scene as the opening; empty if something is against it."""
    truth = scene_sample(name)
    steps = list(predictor.stream(encoding, _USUAL))
    found = predictor.read(encoding, steps, _USUAL)
    count, tokenizer = len(truth.boxes), predictor.tokenizer
    if count < 4 or len(found.boxes) != count:
        return ""
    overlap, which = box_iou(truth.boxes, found.boxes).max(1)
    right = (overlap > 0.7) & (found.labels[which] == truth.labels)
    words = [step.token_id for step in steps if step.slot == "class"]
    noise = all(word == tokenizer.noise_id for word in words[count:])
    if not right.all() or not noise:
        return ""
    fork = len(before_fork(predictor, encoding, _USUAL))
    if not 0 < fork < 5 * count:  # behind them, it is noise that comes in another order
        return ""
    return f"{count} objects, EOS {steps[5 * count].eos_prob:.2f}, forks at token {fork + 1}"


def shows_pair(predictor: Predictor, encoding: ImageEncoding, preset: str) -> str:
    """What the sides of a pair show, if that is what the pair is for."""
    sides = preset_options(preset, predictor.resolve(_USUAL), predictor.tokenizer.config)
    found = [predictor.detect(encoding, options) for options in sides]
    shown = [(one.boxes.tolist(), one.labels.tolist()) for one in found]
    if not all(boxes for boxes, _ in shown) or (shown[0] == shown[1]) is not (preset == _SAME):
        return ""
    return " against ".join(str(len(boxes)) for boxes, _ in shown)


def disagrees(predictor: Predictor, name: str) -> str:
    """In how many of the samples each object is, if not all are in as many."""
    picture, options = open_example(name), predictor.resolve(_USUAL)
    *_, summary = summaries(predictor, picture, options, list(range(SAMPLES)))
    counts = sorted((found["count"] for found in summary["clusters"]), reverse=True)
    return " ".join(map(str, counts)) if len(set(counts)) > 1 else ""


def main(checkpoint: str = "mini", scenes: str = "40") -> None:
    predictor = pix2seq.load(checkpoint, device="cpu")
    present = (STORY, *PICTURES.values(), SAMPLED)
    tried = (*map(scene_name, range(int(scenes))), *(photo.name for photo in PHOTOS))
    names = list(dict.fromkeys((*present, *tried)))
    encoded = {name: predictor.encode(example_image(name)) for name in names}
    tries = {
        "opening": (STORY, lambda e, n: scene_sample(n) and opens_well(predictor, e, n)),
        **{
            preset: (PICTURES[preset], lambda e, n, preset=preset: shows_pair(predictor, e, preset))
            for preset in PRESETS
        },
        "samples": (SAMPLED, lambda e, n: disagrees(predictor, n)),
    }
    for title, (present, ask) in tries.items():
        told = {name: said for name, one in encoded.items() if (said := ask(one, name))}
        ready = "suits" if present in told else "DOES NOT SUIT"
        print(f"{title}: {present} {ready}")
        print("  " + "; ".join(f"{name}: {said}" for name, said in told.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
