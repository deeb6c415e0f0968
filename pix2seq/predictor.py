"""``Predictor``: the headless front door. An image goes in, boxes in its own pixels come out.

    encode(image) -> ImageEncoding -> stream(encoding, options) -> steps -> read(...) -> Detections

Encoding is slow and happens once; any number of runs with other options can follow. A predictor
holds no state of a run, so many visitors may share one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pix2seq import checkpoints
from pix2seq.boxes import clip_boxes, is_degenerate
from pix2seq.categories import Categories
from pix2seq.checkpoints import CheckpointInfo, Progress
from pix2seq.config import PreprocessConfig, SamplingOptions
from pix2seq.convert import ensure
from pix2seq.detections import Detections
from pix2seq.device import inference
from pix2seq.encoding import ImageEncoding, Written
from pix2seq.many import Failure, Frame, Picture, detect_many, read_frame
from pix2seq.model import Pix2Seq
from pix2seq.sampling import Job, SampledBatch, SamplingStep, sample_stream, write_many
from pix2seq.scoring import edge_scores
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
    """

    def __init__(
        self,
        model: Pix2Seq,
        tokenizer: Tokenizer,
        preprocess: PreprocessConfig,
        defaults: SamplingOptions | None = None,
        info: CheckpointInfo | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.defaults = defaults or SamplingOptions()
        self.info = info or CheckpointInfo(name="unnamed")

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
            ConfigError: an option exceeds the model.
        """
        return (options or SamplingOptions()).resolve(self.defaults, self.tokenizer.config)

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
    ) -> Iterator[SamplingStep]:
        """Write about an encoded image, one step per token; see ``sample_stream``."""
        options = self.resolve(options)
        return sample_stream(self.model, encoding.memory, self.tokenizer, options, prefix)

    def read(
        self,
        encoding: ImageEncoding,
        steps: Iterable[SamplingStep],
        options: SamplingOptions | None = None,
    ) -> Detections:
        """The objects that a stream, or its beginning, has finished.

        Boxes are clipped to the image; those without area are left out and counted. What an object
        is called follows ``options.noise``:

        ``paper``: the likeliest real class, whatever was written (section 2.3 of the paper);
        ``drop``: the written class; objects written as noise are left out;
        ``show``: the written class; objects written as noise keep their likeliest real class and
        are marked.

        The score is the raw probability of the reported class, with ``options.score`` "box" times
        the certainty of the edges (``edge_scores``). A class that was forced by a
        prefix is reported as it is; forbidden classes never are. Where the grammar was off and the
        class slot holds something else, the likeliest real class stands in.
        """
        written = [step for step in steps if step.slot != "eos"]
        return self._read(
            encoding,
            token_ids=torch.tensor([step.token_id for step in written], dtype=torch.long),
            logits=(
                torch.stack([step.logits for step in written])
                if written
                else torch.zeros(0, self.tokenizer.vocab_size)
            ),
            forced=torch.tensor([step.forced for step in written], dtype=torch.bool),
            options=self.resolve(options),
        )

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
                yield Job(encoding.memory, resolved, key=(index, encoding))

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

    def cross_attention(self, encoding: ImageEncoding, token_ids: Sequence[int]) -> Tensor:
        """Where the model looked when it wrote each of ``token_ids`` (ids after the prompt).

        Returns:
            (layers, heads, L, N) float32 on the CPU, N = rows * columns of ``encoding.grid``, row
            by row. Rows sum to 1, or to less in a model whose class token takes its share.
        """
        rows, columns = encoding.grid
        # Token i is written at the position that reads token i - 1; the prompt comes first.
        ids = torch.tensor([[self.tokenizer.bos_id, *token_ids][: max(len(token_ids), 1)]])
        with inference(self.device):
            weights = self.model.cross_attention(ids.to(self.device), encoding.memory)[0]
        return weights[:, :, : len(token_ids), -rows * columns :].float().cpu().clone()

    def encode_batch(self, images: Sequence[ImageSource]) -> list[ImageEncoding]:
        """Look at several images (at least one) in one pass; ``seconds`` is each one's share."""
        start = time.perf_counter()
        return self.encode_frames([read_frame(one, self.preprocess) for one in images], start)

    def encode_frames(
        self, frames: Sequence[Frame], start: float | None = None
    ) -> list[ImageEncoding]:
        """Look at images that are letterboxed already, in one pass; ``start`` is when their share
        of ``seconds`` began."""
        start = time.perf_counter() if start is None else start
        batch = torch.stack([frame.pixels for frame in frames]).to(self.device)  # (B, 3, H, W)
        with inference(self.device):
            memory = self.model.encode_image(batch).float()
        memory = memory.clone()  # out of inference mode: autograd would refuse it elsewhere
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = (time.perf_counter() - start) / len(frames)
        grid = self.model.memory_grid(*self.preprocess.image_size)
        return [
            ImageEncoding(
                memory[i : i + 1], frame.letterbox, frame.letterbox.orig_size, grid, seconds
            )
            for i, frame in enumerate(frames)
        ]

    def read_batch(
        self, encodings: Sequence[ImageEncoding], batch: SampledBatch, options: SamplingOptions
    ) -> list[Detections]:
        """The objects of every sentence of a batch; see ``read``."""
        found = []
        for encoding, ids, logits, length in zip(
            encodings, batch.token_ids, batch.logits, batch.lengths.tolist(), strict=True
        ):
            forced = torch.zeros(length, dtype=torch.bool)
            found.append(self._read(encoding, ids[:length], logits[:length], forced, options))
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

    # ---- inside -----------------------------------------------------------------------------

    def _read_all(self, sentences: Iterable[Written]) -> list[Detections]:
        in_order = sorted(sentences, key=lambda one: one.index)
        return [self.read(one.encoding, one.steps, one.options) for one in in_order]

    def _read(
        self,
        encoding: ImageEncoding,
        token_ids: Tensor,
        logits: Tensor,
        forced: Tensor,
        options: SamplingOptions,
    ) -> Detections:
        """token_ids (L,), logits (L, V) raw, forced (L,) bool."""
        tokenizer = self.tokenizer
        boxes_norm, class_ids = tokenizer.decode(token_ids)
        edges = edge_scores(logits, token_ids, tokenizer, options.num_bins, forced)  # (N,)
        class_at = tokenizer.class_positions(len(token_ids))
        probs = logits[class_at].softmax(-1)  # over the whole vocabulary, as the official code does
        real = probs[:, tokenizer.class_ids.start : tokenizer.class_ids.stop].clone()  # (N, C)
        noise = probs.new_zeros(len(probs))
        is_noise = torch.zeros(len(probs), dtype=torch.bool)
        if tokenizer.noise_id is not None:
            noise = probs[:, tokenizer.noise_id]
            is_noise = class_ids == tokenizer.noise_id
        written = class_ids - tokenizer.class_ids.start
        is_real = (written >= 0) & (written < len(tokenizer.class_ids))
        keep_written = is_real & (forced[class_at] if options.noise == "paper" else True)
        likeliest = real.index_fill(1, torch.tensor(options.forbidden_labels).long(), -1.0)
        labels = torch.where(keep_written, written, likeliest.argmax(-1))
        boxes = clip_boxes(encoding.letterbox.invert_boxes(boxes_norm), encoding.orig_size)
        kept = ~is_noise if options.noise == "drop" else torch.ones_like(is_noise)
        flat = is_degenerate(boxes)
        scores = real.gather(1, labels[:, None])[:, 0]
        found = Detections.of(
            boxes=boxes,
            labels=labels,
            scores=scores * edges if options.score == "box" else scores,
            noise_scores=noise,
            edge_scores=edges,
            is_noise=is_noise & (options.noise == "show"),
            degenerate=int((kept & flat).sum()),
        )
        return found[kept & ~flat].above(options.score_threshold)


def load(
    name_or_path: str | Path = "mini",
    device: str | torch.device = "auto",
    progress: Progress | None = None,
) -> Predictor:
    """Load a checkpoint by name or folder; ``device`` is auto, cpu, cuda or mps.

    A published checkpoint that is not on this machine yet is downloaded and converted first.

    Args:
        progress: ``progress(file, bytes_done, bytes_in_all)`` during a download; by default a bar
            on the terminal.

    Raises:
        ConfigError: it does not exist, is damaged or cannot be fetched, or the device is not there.
    """
    parts = checkpoints.load(ensure(name_or_path, progress), device)
    return Predictor(parts.model, parts.tokenizer, parts.preprocess, parts.defaults, parts.info)
