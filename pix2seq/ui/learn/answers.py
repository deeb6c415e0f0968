"""Answers to the *Learn* pages' questions: each reads a dict from the page and asks one lesson.

They bypass Gradio's queue, so they do what takes milliseconds; the one that runs the network does a
single pass, and one at a time. What writes whole sentences goes through the queue (``tab.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from pix2seq.augment import TrainingSequence
from pix2seq.compare import first_divergence
from pix2seq.config import AugmentConfig
from pix2seq.examples import scene_name
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn import (
    augmentation,
    evidence,
    inference,
    objective,
    quantisation,
    sequence,
    training,
)
from pix2seq.ui.learn.subject import (
    Subject,
    find_predictor,
    known_truth,
    read_subject,
    vocabulary_of,
)
from pix2seq.ui.learn.views import frame
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.questions import answering, data_url, server_function

_DISPLAY_SIDE = 1024
_AUGMENT_SETTINGS = (
    "noise_objects",
    "jitter",
    "class_corruption",
    "noise_class_weight",
    "eos_weight",
    "eos_at_first_noise",
)


class Teacher:
    """The server functions of the *Learn* tab over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self._network = Lock()

    def functions(self) -> list[Callable[[dict], dict]]:
        """What the component registers; their names are the page's ``server.learn_<name>``."""
        methods = (
            self.open,
            self.quantize,
            self.sentence,
            self.pair,
            self.objective,
            self.read,
            self.training,
        )
        return [server_function(method, prefix="learn_") for method in methods]

    @answering
    def open(self, question: dict) -> dict:
        """A picture to learn on: ``scene`` (a seed), ``example`` (a name) or ``picture`` (an id).

        Tells its true boxes where they are known, and the checkpoint's vocabulary.
        """
        predictor = find_predictor(self.context, question.get("checkpoint"))
        tokenizer, preprocess = vocabulary_of(predictor)
        if "scene" in question:
            picture = self.context.example_picture(scene_name(int(question["scene"])))
        elif "example" in question:
            picture = self.context.example_picture(str(question["example"]))
        else:
            picture = self.context.pictures.get(question.get("picture"))
        config = tokenizer.config
        size = picture.image.height, picture.image.width
        letterbox = Letterbox(preprocess, orig_size=size)
        return {
            "checkpoint": question.get("checkpoint") or self.context.default_checkpoint,
            "model": predictor is not None,
            "problem": "" if predictor else self.context.problem,
            "recommended": evidence.recommended(predictor),
            "measured": evidence.findings(predictor, ("top_p", "argument")),
            "picture": {
                "id": picture.id,
                "w": picture.image.width,
                "h": picture.image.height,
                "src": data_url(picture.image, _DISPLAY_SIDE),
            },
            "frame": frame(letterbox),
            "truth": known_truth(picture),
            "vocabulary": {
                "bins": config.num_bins,
                "size": config.vocab_size,
                "input": list(preprocess.image_size),
                "noise": config.noise_id is not None,
                "maxObjects": config.max_objects,
                "classes": [
                    tokenizer.categories.name(label)
                    for label in tokenizer.categories.named_labels()
                ],
                "layout": sequence.vocabulary_layout(tokenizer),
            },
        }

    @answering
    def quantize(self, question: dict) -> dict:
        """Page 1; ``curve`` asks for the plot, too (it depends on the boxes alone)."""
        subject = read_subject(self.context, question)
        bins, quantizer = int(question["bins"]), question.get("quantizer", "round")
        view = quantisation.quantization(subject.boxes, subject.letterbox, bins, quantizer)
        if question.get("curve"):
            view["curve"] = quantisation.error_curve(subject.boxes, subject.letterbox)
        return view | subject.about()

    @answering
    def sentence(self, question: dict) -> dict:
        """Page 2."""
        subject = read_subject(self.context, question)
        view = sequence.sentence(
            subject.boxes,
            subject.labels,
            subject.letterbox,
            subject.tokenizer,
            question.get("order", "random"),
            int(question.get("seed", 0)),
        )
        return view | subject.about()

    @answering
    def pair(self, question: dict) -> dict:
        """Page 3."""
        subject = read_subject(self.context, question)
        pair = _training_sequence(subject, question)
        view = augmentation.pair_view(pair, subject.letterbox, subject.tokenizer)
        return view | subject.about()

    @answering
    def objective(self, question: dict) -> dict:
        """Page 4: page 3's sequence, priced by the model."""
        subject = read_subject(self.context, question)
        predictor = subject.needs_model()
        pair = _training_sequence(subject, question)
        with self._network:
            encoding = subject.picture.encoded_by(predictor)
            logits = objective.teacher_forced_logits(predictor, encoding, pair)
        view = augmentation.pair_view(pair, subject.letterbox, subject.tokenizer)
        view |= objective.objective(logits, pair, subject.tokenizer)
        return view | subject.about()

    @answering
    def read(self, question: dict) -> dict:
        """Page 5: read finished runs under a noise mode and threshold, against the true boxes."""
        subject = read_subject(self.context, question)
        runs = [self.context.runs.get(key) for key in question["runs"]]
        panes, flat, facts = [], [], []
        for run in runs:
            options = run.options.replace(
                noise=question.get("noise", "paper"),
                score_threshold=float(question.get("threshold", 0.0)),
            )
            encoding = run.picture.encoded_by(run.predictor)
            found = run.predictor.read(encoding, run.steps, options)
            hits = inference.matches(found, subject.boxes, subject.labels)
            flat.append(found.degenerate)
            panes.append(inference.found_view(found, hits, run.predictor.categories))
            facts.append(inference.sentence_facts(run.steps, run.predictor.tokenizer))
        ids = [run.token_ids for run in runs]
        return {
            "panes": panes,
            "flat": flat,
            "facts": facts,
            "true": len(subject.boxes),
            "diverge": [first_divergence(ids[0], other) for other in ids],
        } | subject.about()

    @answering
    def training(self, question: dict) -> dict:
        """Page 6."""
        subject = read_subject(self.context, question)
        predictor = subject.needs_model()
        with self._network:
            encoding = subject.picture.encoded_by(predictor)
        return {
            "network": training.architecture(predictor, encoding),
            "runs": training.load_training(predictor.name),
        } | subject.about()


def _training_sequence(subject: Subject, question: dict) -> TrainingSequence:
    settings = question.get("augment") or {}
    config = AugmentConfig.from_dict({k: v for k, v in settings.items() if k in _AUGMENT_SETTINGS})
    if subject.tokenizer.noise_id is None:
        # Without a noise class there is nothing to hide a class behind.
        config = config.replace(noise_objects=False, class_corruption="none")
    return augmentation.training_sequence(
        subject.boxes,
        subject.labels,
        subject.letterbox,
        subject.tokenizer,
        config,
        int(question["objects"]),
        int(question.get("seed", 0)),
    )
