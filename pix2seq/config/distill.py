"""A run that learns from a teacher: what its command is and how much each lesson weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pix2seq.config.base import one_of, require
from pix2seq.config.training import TrainConfig

Reading = Literal["own", "detached", "teacher"]


@dataclass(frozen=True)
class DistillConfig(TrainConfig):
    """A training run beside a teacher; everything else is as in ``TrainConfig``, but for snapshots
    and dense supervision, which it does not have.

    Attributes:
        teacher: the command that answers for it, program first (``distill.teacher``), or a Python
            file and what it is loaded with (``distill.colleague``); needed if the encoder's places
            are taught or sentences are read from the teacher's.
        truth: whether labels correct the teacher at the places of objects (``distill.truth``); it
            is then not asked about generated scenes, whose labels are all there is.
        maps_weight, classes_weight, boxes_weight: of the encoder's places; all 0 leaves the
            encoder's look at the image untaught.
        sentences_weight: of the sentences; 0 leaves the decoder alone.
        sentence_images: how many of a batch's images sentences are written about, all by default:
            the encoder learns from each image, and looking is cheaper than writing.
        mistakes: share of the noise objects that are the encoder's own wrong drafts
            (``distill.mistakes``); 0 for none.
        recites: whether sentences go through the encoder's drafts, surest first, in place of random
            noise objects (``distill.reciting``).
        pointing_weight: of the decoder's last layer looking at the draft of what it writes
            (``distill.pointing``); 0 for none.
        reads: whose places the sentences are read from: the encoder's ``own``; the same, but
            ``detached``, so that what it sees is taught by the teacher alone; or the ``teacher``'s,
            so that a decoder can learn while another run is still teaching the encoder.
    """

    teacher: tuple[str, ...] = ()
    truth: bool = False
    maps_weight: float = 1.0
    classes_weight: float = 1.0
    boxes_weight: float = 1.0
    sentences_weight: float = 0.0
    sentence_images: int | None = None
    mistakes: float = 0.0
    recites: bool = False
    pointing_weight: float = 0.0
    reads: Reading = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("reads", self.reads, Reading)
        require(
            self.model.encoder.kind == "pyramid",
            f'encoder kind is {self.model.encoder.kind!r}; only a "pyramid" learns from a teacher',
        )
        weights = self.maps_weight, self.classes_weight, self.boxes_weight, self.sentences_weight
        require(min(weights) >= 0, f"a weight is {min(weights)}; use 0 (off) or more")
        require(max(weights) > 0, "every weight is 0, so there is nothing to learn")
        require(
            self.reads != "teacher" or max(weights[:3]) == 0,
            'reads is "teacher", so the encoder is not run; set the weights of its places to 0',
        )
        require(
            self.objective == "likelihood",
            f"objective is {self.objective!r}, but distill has likelihood only; use train",
        )
        for name, off in (("snapshots", 0), ("dense_weight", 0.0), ("at_rest", "nothing")):
            value = getattr(self, name)
            require(value == off, f"{name} is {value}, but distill has none; set it to {off}")
        some = self.sentence_images
        require(
            some is None or 1 <= some <= self.batch_size,
            f"sentence_images is {some}; use 1 to batch_size, {self.batch_size}",
        )
        require(
            len(self.teacher) > 0 or not self.asks,
            "teacher is empty; give its command, program first",
        )
        require(
            not self.truth or self.looks,
            "truth corrects a teacher, but no place is taught; set truth to false",
        )
        require(0 <= self.mistakes <= 1, f"mistakes is {self.mistakes}; use a share from 0 to 1")
        require(
            self.pointing_weight >= 0,
            f"pointing_weight is {self.pointing_weight}; use 0 (off) or more",
        )
        if self.uses_drafts:
            require(
                self.model.encoder.pyramid is not None and self.model.encoder.pyramid.drafts > 0,
                f"mistakes is {self.mistakes}, recites {self.recites} and pointing_weight "
                f"{self.pointing_weight}, but the model has no drafts; set pyramid drafts",
            )
        require(
            not (self.recites and self.mistakes),
            f"recites is true and mistakes is {self.mistakes}: where sentences go through the "
            "drafts, their mistakes are in it; set one of the two to 0",
        )
        if self.mistakes or self.recites:
            require(
                self.augment.noise_objects and self.tokenizer.noise_id is not None,
                f"mistakes is {self.mistakes} and recites {self.recites}, but there are no noise "
                "objects for drafts to stand in",
            )

    @property
    def looks(self) -> bool:
        """Whether the encoder's places carry a loss."""
        return max(self.maps_weight, self.classes_weight, self.boxes_weight) > 0

    @property
    def uses_drafts(self) -> bool:
        """Whether sentences are taught with the encoder's drafts."""
        return self.mistakes > 0 or self.recites or self.pointing_weight > 0

    @property
    def asks_batches(self) -> bool:
        """Whether the teacher is a file that answers for whole batches (``distill.colleague``)."""
        return self.asks and self.teacher[0].endswith(".py")

    @property
    def asks(self) -> bool:
        """Whether a teacher is needed."""
        return self.looks or self.reads == "teacher"
