"""``Predictor``: the headless front door. An image goes in, boxes in its own pixels come out.

    encode(image) -> ImageEncoding -> stream(encoding, options) -> steps -> read(...) -> Detections

Encoding is slow and happens once; any number of runs with other options can follow. Many visitors
may share a predictor: their sentences are written side by side, and none notices the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pix2seq import checkpoints
from pix2seq.categories import Categories
from pix2seq.checkpoints import CheckpointInfo, Progress
from pix2seq.config import SLOTS_PER_OBJECT, ConfigError, PreprocessConfig, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.device import at_most, every_core, inference
from pix2seq.encoding import ImageEncoding, Looked, Written, encodings_of
from pix2seq.hub import repo_of
from pix2seq.hub.fetch import fetch, folder_of
from pix2seq.hub.publish import publish
from pix2seq.many import Failure, Frame, Picture, detect_many, read_frame
from pix2seq.model import Pix2Seq
from pix2seq.reading import Reader, Reading, read_sentence
from pix2seq.sampling import Job, SampledBatch, SamplingStep, SharedBatch, write_many
from pix2seq.tokenizer import Tokenizer

ImageSource = Image.Image | np.ndarray | str | Path


class Predictor:
    """A network and what belongs to it, ready to detect.

    Args:
        model: in eval mode; it decides the device.
        tokenizer: its vocabulary.
        preprocess: its image transform.
        defaults: the options that it recommends.
        info: what people are told about it.
        card: the longer text about it, Markdown.
        origin: what ``load`` took to make it, empty for others.
    """

    def __init__(
        self,
        model: Pix2Seq,
        tokenizer: Tokenizer,
        preprocess: PreprocessConfig,
        defaults: SamplingOptions | None = None,
        info: CheckpointInfo | None = None,
        card: str = "",
        origin: str = "",
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.defaults = defaults or SamplingOptions()
        self.info = info or CheckpointInfo(name="unnamed")
        self.card = card
        self.origin = origin
        self._shared = SharedBatch(model, tokenizer)

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def categories(self) -> Categories:
        return self.tokenizer.categories

    @property
    def device(self) -> torch.device:
        return self.model.device

    def resolve(self, options: SamplingOptions | None = None) -> SamplingOptions:
        """Fill in what ``options`` leave open from this checkpoint's defaults.

        Raises:
            ConfigError: an option exceeds the model, or there are no drafts to follow.
        """
        options, limits = options or SamplingOptions(), self.tokenizer.config
        return options.resolve(self.defaults, limits, self.model.drafts)

    def encode(self, image: ImageSource) -> ImageEncoding:
        """Look at an image once.

        Raises:
            ConfigError: the image cannot be used (see ``load_image``).
        """
        return self.encode_batch([image])[0]

    def stream(
        self,
        encoding: ImageEncoding,
        options: SamplingOptions | None = None,
        prefix: Sequence[int] = (),
        forced: Collection[int] = (),
    ) -> Iterator[SamplingStep]:
        """Write about an encoded image, one step per token; see ``sample_stream``.

        Streams that are read at the same time, by whatever threads, are written side by side: eight
        of them cost little more than one, and none is changed by the others.

        Args:
            prefix: ids that the sentence begins with.
            forced: which of their positions hold a token that a person gave.
        """
        options, drafts = self.resolve(options), encoding.distinct
        return self._shared.stream(Job(encoding.memory, options, prefix, forced, drafts))

    def reading(
        self,
        encoding: ImageEncoding,
        steps: Iterable[SamplingStep],
        options: SamplingOptions | None = None,
    ) -> Reading:
        """Every object that a stream, or its beginning, has finished, and what becomes of it.

        What an object is called is the likeliest real class at its class token (section 2.3 of the
        paper), a forbidden one excepted; a class that a person gave stays. The score is the raw
        probability of that class, with ``options.score`` "box" times the certainty of the edges
        (``edge_scores``); objects below ``options.score_threshold`` are hidden. ``options.noise``
        decides about objects that were written as noise, and about no others:

        ``paper``: they are judged by that score, too;
        ``drop``: they are left out;
        ``show``: they are reported whatever their score, and marked.

        Boxes are clipped to the image; those without area are never reported. What a person gave a
        token of is always reported.
        """
        return self.reader(encoding, options).add(steps)

    def reader(self, encoding: ImageEncoding, options: SamplingOptions | None = None) -> Reader:
        """Reads a sentence while it is written, object by object; see ``reading``."""
        return Reader(self.tokenizer, encoding.letterbox, self.resolve(options))

    def read(
        self,
        encoding: ImageEncoding,
        steps: Iterable[SamplingStep],
        options: SamplingOptions | None = None,
    ) -> Detections:
        """The reported objects of a stream, or of its beginning; see ``reading``."""
        return self.reading(encoding, steps, options).detections()

    def detect(
        self, image: ImageSource | ImageEncoding, options: SamplingOptions | None = None
    ) -> Detections:
        """Find the objects in one image."""
        encoding = image if isinstance(image, ImageEncoding) else self.encode(image)
        return self.read(encoding, self.stream(encoding, options), options)

    def detect_batch(
        self, images: Sequence[ImageSource], options: SamplingOptions | None = None
    ) -> list[Detections]:
        """Find the objects in several images, all with the same options and seed; every image gets
        what ``detect`` gives it."""
        return self._read_all(self.write_many(map(self.encode, images), options))

    def write_many(
        self,
        encodings: Iterable[ImageEncoding],
        options: SamplingOptions | Callable[[int], SamplingOptions] | None = None,
        max_rows: int = 8,
    ) -> Iterator[Written]:
        """Write about any number of encoded images, ``max_rows`` at a time.

        A sentence that has ended makes room for the next image at once, and every sentence is what
        ``stream`` writes with its options: neighbours do not matter. ::

            for written in predictor.write_many(map(predictor.encode, paths), options):
                found = predictor.read(written.encoding, written.steps, written.options)

        Args:
            encodings: taken only when there is room, so that a generator which encodes as it goes
                needs memory for ``max_rows`` images, however many follow.
            options: for all, or by the image's index: that is where an image gets a seed of its
                own.

        Yields:
            Sentences as they end, in any order; ``Written.index`` tells which.

        Raises:
            ConfigError: an option exceeds the model, or ``max_rows`` is below 1.
        """
        options_for = options if callable(options) else lambda index: options

        def jobs() -> Iterator[Job]:
            for index, encoding in enumerate(encodings):
                resolved = self.resolve(options_for(index))
                key, drafts = (index, encoding), encoding.distinct
                yield Job(encoding.memory, resolved, drafts=drafts, key=key)

        for row in write_many(self.model, self.tokenizer, jobs(), max_rows):
            index, encoding = row.job.key
            yield Written(index, encoding, row.job.options, row.steps)

    def detect_samples(
        self,
        image: ImageSource | ImageEncoding,
        options: SamplingOptions | None,
        seeds: Sequence[int],
    ) -> list[Detections]:
        """Read one image several times, once per seed."""
        encoding = image if isinstance(image, ImageEncoding) else self.encode(image)
        resolved = self.resolve(options)
        sentences = [encoding] * len(seeds)
        return self._read_all(self.write_many(sentences, lambda i: resolved.replace(seed=seeds[i])))

    def cross_attention(self, encoding: ImageEncoding, token_ids: Sequence[int]) -> Looked:
        """Where the model looked when it wrote each of ``token_ids`` (ids after the prompt), on the
        CPU in float32."""
        cells = encoding.grid[0] * encoding.grid[1]
        # Token i is written at the position that reads token i - 1; the prompt comes first.
        ids = torch.tensor([[self.tokenizer.bos_id, *token_ids][: max(len(token_ids), 1)]])
        with inference(self.device):
            weights = self.model.cross_attention(ids.to(self.device), encoding.memory)[0]
        weights = weights[:, :, : len(token_ids)].float().cpu().clone()
        drafts = self.model.drafts, SLOTS_PER_OBJECT
        ahead = weights[..., : drafts[0] * drafts[1]].unflatten(-1, drafts).sum(-1)
        return Looked(weights[..., -cells:], ahead)

    def encode_batch(self, images: Sequence[ImageSource]) -> list[ImageEncoding]:
        """Look at several images (at least one) in one pass; ``seconds`` is each one's share."""
        start = time.perf_counter()
        return self.encode_frames([read_frame(one, self.preprocess) for one in images], start)

    def encode_frames(
        self, frames: Sequence[Frame], start: float | None = None
    ) -> list[ImageEncoding]:
        """Look at images that are letterboxed already, in one pass; ``start`` is when their share
        of ``seconds`` began. On a CPU looks take turns, and waiting for one's turn is no part of
        ``seconds``; one core is left to whoever is writing."""
        start = time.perf_counter() if start is None else start
        batch = torch.stack([frame.pixels for frame in frames]).to(self.device)  # (B, 3, H, W)
        with every_core(self.device) as waited:
            threads = torch.get_num_threads()
            if self._shared.writing and self.model.writes_on_one_core:
                threads = max(threads - 1, 1)
            with at_most(threads), inference(self.device):
                seen = self.model.see(batch)
        memory = seen.memory.float().clone()  # out of inference mode: autograd would refuse it
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = (time.perf_counter() - start - waited) / len(frames)
        grid = self.model.memory_grid(*self.preprocess.image_size)
        letterboxes = [frame.letterbox for frame in frames]
        return encodings_of(replace(seen, memory=memory), letterboxes, grid, seconds)

    def read_batch(
        self, encodings: Sequence[ImageEncoding], batch: SampledBatch, options: SamplingOptions
    ) -> list[Detections]:
        """The reported objects of every sentence of a batch; see ``reading``."""
        found = []
        for encoding, ids, logits, length in zip(
            encodings, batch.token_ids, batch.logits, batch.lengths.tolist(), strict=True
        ):
            reading = read_sentence(
                token_ids=ids[:length],
                logits=logits[:length],
                forced=torch.zeros(length, dtype=torch.bool),
                tokenizer=self.tokenizer,
                letterbox=encoding.letterbox,
                options=options,
            )
            found.append(reading.detections())
        return found

    def detect_many(
        self,
        pictures: Iterable[Picture],
        options: SamplingOptions | None = None,
        batch_size: int | str = "auto",
        workers: int = 2,
        on_error: str = "collect",
        ordered: bool = True,
        timeout: float = 30.0,
    ) -> Iterator[tuple[str, Detections | Failure]]:
        """Find the objects in any number of images, each with a seed of its own, read ahead in
        ``workers`` processes: (name, detections or failure) of each; see ``many.detect_many``."""
        options = self.resolve(options)
        return detect_many(self, pictures, options, batch_size, workers, on_error, ordered, timeout)

    def push_to_hub(
        self,
        repo: str,
        metrics: Mapping[str, float] | None = None,
        private: bool = False,
        half: bool = True,
    ) -> str:
        """Publish this checkpoint as ``user/name`` on the Hugging Face Hub, with a card; returns
        the address of its page. Raises ``ConfigError`` if nobody is logged in, or the hub refuses.

        Args:
            metrics: for the card, in [0, 1], as ``evaluate --json`` writes them.
            private: whether a new repository is; an existing one stays as it is.
            half: store weights in fp16; see ``checkpoints.save``.
        """
        parts = checkpoints.Checkpoint(
            self.model, self.tokenizer, self.preprocess, self.defaults, self.info, self.card
        )
        return publish(parts, repo, metrics, private, half)

    # ---- inside -----------------------------------------------------------------------------

    def _read_all(self, sentences: Iterable[Written]) -> list[Detections]:
        in_order = sorted(sentences, key=lambda one: one.index)
        return [self.read(one.encoding, one.steps, one.options) for one in in_order]


def load(
    name_or_path: str | Path = "mini",
    device: str | torch.device = "auto",
    progress: Progress | None = None,
    revision: str | None = None,
) -> Predictor:
    """Load a checkpoint by name or folder; ``device`` is auto, cpu, cuda or mps.

    A published checkpoint that is not on this machine yet is downloaded and converted first.
    ``user/my-detector`` and ``hf://user/my-detector@v2`` are repositories on the Hugging Face Hub.

    Args:
        progress: ``progress(file, bytes_done, bytes_in_all)`` during a download; by default a bar
            on the terminal.
        revision: branch, tag or commit of a repository on the hub.

    Raises:
        ConfigError: it does not exist, is damaged or cannot be fetched, or the device is not there.
    """
    repo = repo_of(name_or_path, revision)
    if repo is None and revision is not None:
        raise ConfigError(f"revision is {revision!r}, but {name_or_path} is not on the hub")
    folder = folder_of(name_or_path, progress) if repo is None else fetch(repo, progress)
    parts = checkpoints.load(folder, device)
    info = parts.info if repo is None else parts.info.replace(name=str(repo))
    origin, network = str(repo or name_or_path), parts.model
    return Predictor(
        network, parts.tokenizer, parts.preprocess, parts.defaults, info, parts.card, origin
    )
