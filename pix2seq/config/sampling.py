"""How a sentence is sampled and read."""

from __future__ import annotations

import dataclasses
import numbers
from dataclasses import dataclass
from typing import Any, Literal

from pix2seq.config.base import Config, one_of, require, short
from pix2seq.config.tokenizer import TokenizerConfig

EosPolicy = Literal["model", "delay"]
NoiseMode = Literal["paper", "drop", "show"]
ScoreMode = Literal["class", "box"]
TopPRule = Literal["nucleus", "official"]


@dataclass(frozen=True)
class SamplingOptions(Config):
    """How one sequence is sampled (paper, sections 2.2 and 2.3) and read.

    ``None`` means "what this checkpoint recommends": ``resolve`` fills it in.

    Attributes:
        temperature: divides the logits; 0 is argmax.
        top_k: keep the k likeliest tokens; 0 keeps all.
        top_p: nucleus mass in (0, 1]; 1 keeps all.
        top_p_rule: ``nucleus`` keeps the smallest set with mass >= p; ``official`` the largest
            set with mass <= p, at least the likeliest token.
        max_objects: objects at most; a model's own limit also holds.
        eos: ``model`` stops when EOS is sampled; ``delay`` forbids it up to ``max_objects``.
        grammar: only let a slot's own kind of token through.
        follow_drafts: pull coordinates towards what the encoder drafts and nothing covers yet
            (``sampling.guide``); only a model with drafts can.
        num_bins: sample coordinates over this many coarse cells instead of all bins.
        noise: ``paper`` scores by the likeliest real class, ``drop`` removes objects whose label
            is the noise class, ``show`` keeps and marks them.
        score: what an object's score is. ``class`` is the probability of its class, as in the
            paper; ``box`` is that times the certainty of its edges (``scoring.edge_scores``).
        score_threshold: objects below it are not reported, in [0, 1].
        forbidden_labels: classes that may not be written.
        seed: same seed, same tokens.
    """

    temperature: float | None = None
    top_k: int = 0
    top_p: float | None = None
    top_p_rule: TopPRule | None = None
    max_objects: int | None = None
    eos: EosPolicy | None = None
    grammar: bool | None = None
    follow_drafts: bool | None = None
    num_bins: int | None = None
    noise: NoiseMode | None = None
    score: ScoreMode | None = None
    score_threshold: float | None = None
    forbidden_labels: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # sweeps are written with numpy
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
        labels = self.forbidden_labels
        require(
            isinstance(labels, list | tuple)
            and all(isinstance(_plain(label), int) for label in labels),
            f"forbidden_labels is {short(labels)}; it must be a list of whole numbers",
        )
        object.__setattr__(self, "forbidden_labels", tuple(map(_plain, labels)))
        for kind, what, names in (
            (numbers.Integral, "a whole number", ("top_k", "max_objects", "num_bins", "seed")),
            (numbers.Real, "a number", ("temperature", "top_p", "score_threshold")),
        ):
            for name in names:
                value = getattr(self, name)
                optional = value is None and name not in ("top_k", "seed")
                require(
                    optional or isinstance(value, kind),
                    f"{name} is {short(value)}; it must be {what}",
                )
        t, p, s = self.temperature, self.top_p, self.score_threshold
        require(t is None or 0 <= t <= 100, f"temperature is {short(t)}; use 0 (argmax) to 100")
        require(
            p is None or 0 < p <= 1,
            f"top_p is {short(p)}; it must be above 0 and at most 1 (1 = off, temperature 0 = "
            "argmax)",
        )
        require(s is None or 0 <= s <= 1, f"score_threshold is {short(s)}; it must be in [0, 1]")
        require(self.top_k >= 0, f"top_k is {short(self.top_k)}; it must be 0 (off) or more")
        require(0 <= self.seed < 2**63, f"seed is {short(self.seed)}; it must be 0 to 2**63 - 1")
        for name, least in (("max_objects", 1), ("num_bins", 2)):
            value = getattr(self, name)
            require(
                value is None or value >= least, f"{name} is {short(value)}; need at least {least}"
            )
        for name, hint in (
            ("eos", EosPolicy),
            ("noise", NoiseMode),
            ("score", ScoreMode),
            ("top_p_rule", TopPRule),
        ):
            if getattr(self, name) is not None:
                one_of(name, getattr(self, name), hint)

    @classmethod
    def recorded(cls, data: dict[str, Any]) -> SamplingOptions:
        """Resolved options as something kept them; earlier versions, which lack ``follow_drafts``,
        followed none, whatever a checkpoint recommends today."""
        require(isinstance(data, dict), f"options are {short(data)}; they must be settings by name")
        return cls.from_dict({"follow_drafts": False, **data})

    def resolve(
        self, defaults: SamplingOptions, tokenizer: TokenizerConfig, drafts: int | None = None
    ) -> SamplingOptions:
        """Fill every ``None`` from ``defaults``, then from general ones, and check the limits.

        Args:
            drafts: how many the model's encoder makes of an image, if that is known yet.

        Raises:
            ConfigError: ``num_bins`` or ``max_objects`` exceed what the model was trained with, a
                forbidden label does not exist, no class is left, or there are no drafts to follow.
        """
        filled = self._filled(defaults)
        if filled._unset():
            general = SamplingOptions(
                temperature=1.0,
                top_p=1.0,
                top_p_rule="nucleus",
                max_objects=tokenizer.max_objects,
                eos="model",
                grammar=True,
                follow_drafts=False,
                num_bins=tokenizer.num_bins,
                noise="paper" if tokenizer.noise_id is not None else "show",
                score="class",
                score_threshold=0.0,
            )
            filled = filled._filled(general)
        for name in ("num_bins", "max_objects"):
            value, limit = getattr(filled, name), getattr(tokenizer, name)
            require(
                value <= limit,
                f"{name} is {short(value)}, but this model has {limit}; use {limit} or less",
            )
        require(
            drafts != 0 or not filled.follow_drafts,
            "follow_drafts is on, but this model's encoder drafts nothing; switch it off",
        )
        for label in filled.forbidden_labels:
            require(
                0 <= label < tokenizer.num_classes,
                f"forbidden label {short(label)} is not one of the {tokenizer.num_classes} classes",
            )
        require(
            len(set(filled.forbidden_labels)) < tokenizer.num_classes,
            f"all {tokenizer.num_classes} classes are forbidden; allow at least one",
        )
        return filled

    def _filled(self, source: SamplingOptions) -> SamplingOptions:
        """Every ``None`` from ``source``."""
        changes = {name: getattr(source, name) for name in self._unset()}
        return self.replace(**changes) if changes else self

    def _unset(self) -> list[str]:
        """Names of the fields that are ``None``."""
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name) is None]


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as Python's own; everything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value
