"""ZeroGPU: a Space without a GPU of its own is lent one, for seconds, in another process.

What is decorated with ``spaces.GPU`` runs there. So arguments go in and steps come out, both
pickled; a ``Run`` that were changed there would not be the visitor's. One ``Order`` says all:

    lent(run) ──Order──▶ write_on_gpu ──Seen, PlainStep…, TimeUp?──▶ lent ──▶ writer

The time is asked for beforehand, and counts against the visitor's quota. A sentence that outlasts
it is ordered again from the tokens that it has; the same seed goes on as if nothing had happened.
This process keeps a model on the CPU, for questions about what was written.

Without the package, or anywhere but on ZeroGPU, nothing of this is used.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from PIL import Image

import pix2seq
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.encoding import ImageEncoding
from pix2seq.model.drafts import Drafted
from pix2seq.predictor import Predictor
from pix2seq.sampling import PlainStep, SamplingStep, rules_of
from pix2seq.transforms import Letterbox
from pix2seq.ui.visit.runs import Run

VARIABLE = "SPACES_ZERO_GPU"
SECONDS_VARIABLE = "PIX2SEQ_GPU_SECONDS"
MOST_SECONDS = 60
"""ZeroGPU's own default; longer requests wait longer, and lock out who has less left."""

_START_SECONDS = 10.0  # a process, CUDA, the weights
_SECONDS_PER_MEGAPIXEL = 4.0
_SECONDS_PER_TOKEN = 0.05
_MARGIN_SECONDS = 2.0  # before the end, nothing new is begun
_OWN_PROCESS = os.getpid()


def _lender() -> Callable | None:
    """``spaces.GPU`` where this is ZeroGPU."""
    if os.environ.get(VARIABLE, "").lower() not in ("1", "t", "true"):
        return None
    try:
        import spaces
    except ImportError:
        return None
    return spaces.GPU


_GPU = _lender()
AVAILABLE = _GPU is not None


@dataclass(frozen=True, eq=False)
class Seen:
    """An ``ImageEncoding`` off its device; ``memory`` is (1, N, D) float32."""

    memory: np.ndarray
    letterbox: Letterbox
    orig_size: tuple[int, int]
    grid: tuple[int, int]
    seconds: float
    drafts: Drafted | None = None
    distinct: Drafted | None = None

    @classmethod
    def of(cls, encoding: ImageEncoding) -> Seen:
        fields = {f.name: getattr(encoding, f.name) for f in dataclasses.fields(cls)}
        return cls(**fields | {"memory": encoding.memory.float().cpu().numpy()})

    def encoding(self, device: torch.device) -> ImageEncoding:
        memory = torch.from_numpy(self.memory).to(device)
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return ImageEncoding(**fields | {"memory": memory})


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be written.

    Attributes:
        checkpoint: what ``pix2seq.load`` takes.
        picture: (H, W, 3) uint8, or what was seen of it before.
        options: resolved.
        prefix, forced: as in ``Predictor.stream``.
        skip: how many steps need not be told: they are known.
        seconds: how long the GPU is asked for.
    """

    checkpoint: str
    picture: np.ndarray | Seen
    options: SamplingOptions
    prefix: tuple[int, ...]
    forced: tuple[int, ...]
    skip: int
    seconds: int


@dataclass(frozen=True)
class TimeUp:
    """The last thing told where the sentence is not finished."""


def seconds_for(pixels: int, tokens: int) -> int:
    """What to ask for: from the pixels that the model sees and the tokens still possible.

    >>> seconds_for(512 * 512, 81)
    16
    """
    most = int(os.environ.get(SECONDS_VARIABLE) or MOST_SECONDS)
    need = _START_SECONDS + _SECONDS_PER_MEGAPIXEL * pixels / 1e6 + _SECONDS_PER_TOKEN * tokens
    return min(int(np.ceil(need)), most)


def write_here(order: Order) -> Iterator[Seen | PlainStep | TimeUp]:
    """Carry an order out: in the process that has the GPU."""
    end = time.monotonic() + order.seconds - _MARGIN_SECONDS
    if os.getpid() != _OWN_PROCESS:
        torch.set_num_threads(1)  # a forked process must not wait for its parent's threads
    predictor = _loaded(order.checkpoint)
    if isinstance(order.picture, Seen):
        encoding = order.picture.encoding(predictor.device)
    else:
        encoding = predictor.encode(Image.fromarray(order.picture))
        yield Seen.of(encoding)
    told = 0
    for step in predictor.stream(encoding, order.options, order.prefix, order.forced):
        if step.index >= order.skip:
            yield step.plain()
            told += 1
        if told and time.monotonic() >= end and step.slot != "eos":
            yield TimeUp()
            return


def _order_seconds(order: Order) -> int:
    return order.seconds


# ZeroGPU looks for decorated functions when the app starts; their time may depend on arguments.
write_on_gpu = _GPU(duration=_order_seconds)(write_here) if _GPU else write_here


@cache
def _loaded(checkpoint: str) -> Predictor:
    """The predictor of this process, on the GPU if it has one."""
    return pix2seq.load(checkpoint, "cuda" if torch.cuda.is_available() else "cpu")


def lent(
    run: Run, prefix: Sequence[int], forced: Collection[int]
) -> Iterator[ImageEncoding | SamplingStep]:
    """Have the run written on a lent GPU; see ``sources.Source``.

    Raises:
        ConfigError: no GPU is to be had, or not one token was written in its time.
    """
    predictor, options = run.predictor, run.options
    rules = rules_of(predictor.tokenizer, options)
    known = run.picture.encodings.get(predictor.name)
    if known is not None:
        yield known
    height, width = predictor.preprocess.image_size
    most = predictor.tokenizer.sequence_length(options.max_objects)
    order = partial(Order, predictor.origin, options=options, forced=tuple(sorted(forced)))
    written, told = list(prefix), 0
    while True:
        picture = np.asarray(run.picture.image) if known is None else Seen.of(known)
        ordered = order(
            picture,
            prefix=tuple(written),
            skip=told,
            seconds=seconds_for(height * width, most - told),
        )
        before, unfinished = told, False
        messages = write_on_gpu(ordered)
        try:
            for message in messages:
                if isinstance(message, Seen):
                    known = message.encoding(predictor.device)
                    run.picture.encodings[predictor.name] = known
                    yield known
                elif isinstance(message, TimeUp):
                    unfinished = True
                else:
                    written += [message.token_id] if message.index == len(written) else []
                    told += 1
                    yield rules.step(message)
        except ConfigError:
            raise
        except Exception as error:  # the lender's: no quota left, aborted, a lost process
            if told == before:
                reason = getattr(error, "message", None) or str(error) or type(error).__name__
                raise ConfigError(f"no GPU could be used: {reason}") from None
            unfinished = True
        finally:
            messages.close()  # whoever stops reading gives the GPU back
        if not unfinished or told >= most:
            return
        if told == before:
            raise ConfigError(
                f"the GPU's {ordered.seconds} s ended before a token was written; set "
                f"{SECONDS_VARIABLE} higher, or take a smaller checkpoint"
            )
