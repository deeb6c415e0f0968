"""Training: the paper's recipe (section 2.3) on any mixture of photos and scenes.

``python -m pix2seq train --config FILE --out DIR`` runs it; under ``accelerate launch`` the same
command uses many processes or GPUs. A run folder holds ``train.json`` (the settings),
``metrics.jsonl`` (one line per report), ``state/`` (everything needed to go on, the last two
saves), ``checkpoint/`` (the averaged weights in the format that ``pix2seq.load`` reads) and, if
asked for, ``snapshots/`` (such checkpoints from along the way).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from pix2seq import checkpoints, files, states
from pix2seq.categories import LABEL_SPACES
from pix2seq.checkpoints import CheckpointInfo
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.data import CocoDetection
from pix2seq.data.mixture import TrainingMixture, collate
from pix2seq.data.survey import survey
from pix2seq.dense import DenseReader
from pix2seq.device import pick_device
from pix2seq.finetune import initialise
from pix2seq.hub.fetch import folder_of
from pix2seq.model import Pix2Seq
from pix2seq.model.drafts import Look
from pix2seq.model.encoders import FeatureEncoder
from pix2seq.model.pretrained import load_backbone
from pix2seq.model.pyramid import PyramidEncoder
from pix2seq.objective import SoftenedLosses, kind_losses, token_losses, weighted_mean
from pix2seq.optim import Clock, WeightAverage, build_optimizer, learning_rate_share
from pix2seq.reporter import Reporter
from pix2seq.resume import begin, check_free
from pix2seq.reward import Rewarding
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import normalize


class TeacherForcing(nn.Module):
    """A batch to logits in one ``forward``: the unit that data parallelism wraps.

    Args:
        dense: whether every memory token carries a loss, too.
        rewarding: scores sampled sentences, for the reward; ``None`` samples none.
    """

    def __init__(
        self,
        model: Pix2Seq,
        losses_of: SoftenedLosses,
        dense: bool,
        rewarding: Rewarding | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.losses_of = losses_of
        self.dense = DenseReader(model.config.decoder.dim) if dense else None
        self.rewarding = rewarding

    def forward(
        self, pixels: Tensor, batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 3, H, W) and the rest of a batch -> logits (B * S, L, V), the dense loss (), the loss
        of sampled sentences () and their mean reward ()."""
        follows = self.rewarding is not None and self.rewarding.follow_drafts
        seen = self.model.see(pixels) if follows else Look(self.model.encode_image(pixels))
        memory = seen.memory
        logits = self.model.decode(batch["input_ids"], memory)
        nothing = logits.new_zeros(())
        dense, sampled = nothing, (nothing, nothing)
        if self.dense is not None:
            table = self.model.decoder.output_table()
            dense = self.dense(memory, table, batch["cell_ids"], self.losses_of)
        if self.rewarding is not None:
            sampled = self.rewarding(self.model, memory, batch, seen.distinct)
        return logits, dense, *sampled


def build_tokenizer(config: TrainConfig) -> Tokenizer:
    """The vocabulary of a run; without named categories, over its first data set's own."""
    if config.categories is not None:
        return Tokenizer(config.tokenizer, LABEL_SPACES[config.categories])
    photos = next(source for source in config.data if source.annotations is not None)
    categories = CocoDetection(photos.annotations, photos.images).categories
    if len(categories) > config.tokenizer.num_classes:
        raise ConfigError(
            f"{photos.annotations} has {len(categories)} categories, the tokenizer "
            f"{config.tokenizer.num_classes} class tokens"
        )
    return Tokenizer(config.tokenizer, categories)


def build_model(config: TrainConfig, tokenizer: Tokenizer) -> Pix2Seq:
    """The network of a run before its first step: random, from ImageNet, or from ``init``."""
    torch.manual_seed(config.seed)
    model = Pix2Seq(config.model)
    if config.init is not None:
        initialise(model, tokenizer, checkpoints.load(folder_of(config.init), device="cpu"))
    elif isinstance(model.encoder, FeatureEncoder | PyramidEncoder):
        load_backbone(model.encoder, config.model.encoder.backbone or "", config.backbone_weights)
    elif config.backbone_weights != "none":
        raise ConfigError(
            f"backbone_weights is {config.backbone_weights!r}, but encoder kind "
            f'{config.model.encoder.kind!r} takes none; use "none"'
        )
    return model


def run(config: TrainConfig, out: str | Path, resume: bool = False) -> Path:
    """Train from start to end.

    Args:
        out: the run folder.
        resume: go on from the newest state in ``out`` that is whole, if there is one.

    Returns:
        The folder of the final checkpoint.

    Raises:
        ConfigError: ``out`` already holds a run and ``resume`` is off, the processes cannot share
            a batch evenly, the loss is no number any more, or the disk does not take a save.
    """
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration, broadcast_object_list

    out = Path(out)
    check_free(out, resume)
    # Processes share each batch, so that a run has as many steps however many there are.
    accelerator = Accelerator(
        cpu=pick_device("auto").type == "cpu",  # else processes without a GPU would not meet
        mixed_precision=config.mixed_precision,
        step_scheduler_with_optimizer=False,
        dataloader_config=DataLoaderConfiguration(split_batches=True),
    )
    processes = accelerator.num_processes
    if config.batch_size % processes:
        raise ConfigError(
            f"batch_size is {config.batch_size}, which {processes} processes cannot share; "
            f"use a multiple of {processes}"
        )
    tokenizer = build_tokenizer(config)
    state, first = begin(out, config, tokenizer.categories, resume)
    if first == config.steps:
        return out / "checkpoint"
    model = build_model(config, tokenizer)
    if config.at_rest == "encoder":
        model.encoder.requires_grad_(False)
    elif config.at_rest == "sees":
        model.encoder.rest_eyes()
    dense = config.dense_weight > 0
    mixture = TrainingMixture(
        config,
        tokenizer,
        grid=model.memory_grid(*config.preprocess.image_size) if dense else None,
    )
    if accelerator.is_main_process:
        look_through(mixture)
    loader = DataLoader(
        mixture,
        batch_size=config.batch_size,
        collate_fn=collate,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
    )
    losses_of = SoftenedLosses(tokenizer, config.coord_sigma, config.class_smoothing)
    rewarding = None
    if config.objective == "reward":
        objects = config.objects_per_sequence or tokenizer.config.max_objects
        follow = bool(config.sampling.follow_drafts)
        rewarding = Rewarding(tokenizer, config.samples, objects, config.discount, follow)
    network = TeacherForcing(model, losses_of, dense, rewarding)
    encoder = model.encoder
    on_timm = isinstance(encoder, FeatureEncoder | PyramidEncoder)
    backbone = encoder.backbone if on_timm else nn.Module()
    optimizer = build_optimizer(network, backbone, config)
    clock = Clock(config.minutes, lambda share: broadcast_object_list([share])[0])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: learning_rate_share(s, config, clock.share)
    )
    network, optimizer, loader, schedule = accelerator.prepare(network, optimizer, loader, schedule)
    average = WeightAverage(model, config.ema)
    accelerator.register_for_checkpointing(average, clock)

    reporter = Reporter(out / "metrics.jsonl", config, accelerator.is_main_process)
    accelerator.register_for_checkpointing(reporter)
    if state is not None:
        accelerator.load_state(str(state.folder))
        loader = accelerator.skip_first_batches(loader, first)
    if accelerator.is_main_process:
        prepare_folder(out, config)
        reporter.begin(first)

    def keep(folder: Path) -> None:
        if accelerator.is_main_process:
            _checkpoint(folder, out, model, average, tokenizer, config)

    if first == 0 and config.snapshots:
        keep(snapshot_folder(out, 0))
    network.train()
    for step, batch in enumerate(reporter.timed(plain_errors(loader)), start=first):
        if step >= config.steps:
            break
        pixels = normalize(batch["pixels"].float() / 255, config.preprocess)
        logits, dense_loss, reward_loss, reward = network(
            pixels.to(memory_format=torch.channels_last), batch
        )
        losses = losses_of(logits, batch["target_ids"])
        loss = weighted_mean(losses, batch["token_weights"]) + config.dense_weight * dense_loss
        if config.augment.kind_weight:
            untaught = (batch["token_weights"] == 0) & tokenizer.is_coord(batch["target_ids"])
            kinds = weighted_mean(kind_losses(logits, tokenizer), untaught)
            loss = loss + config.augment.kind_weight * kinds
        parts = {}
        if rewarding is not None:
            parts["reward"] = reward
            loss = reward_loss + config.likelihood_share * loss
        if not torch.isfinite(loss):
            raise ConfigError(
                f"the loss is {loss.item()} at step {step + 1}: training diverged; lower lr "
                f"(it is {config.lr:g}) or grad_clip (it is {config.grad_clip:g})"
            )
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network.parameters(), config.grad_clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        average.update()
        parts |= {"loss": loss.detach(), **hard_losses(logits, batch, tokenizer)}
        reporter.add(step, parts, max(schedule.get_last_lr()))
        if step + 1 in config.snapshot_steps:
            keep(snapshot_folder(out, step + 1))
        last = step + 1 == config.steps or clock.share >= 1
        if last or (step + 1) % config.save_every == 0:
            save_run(out, step + 1, accelerator, model, average, tokenizer, config)
        if last:
            break
    reporter.close()
    return out / "checkpoint"


@torch.no_grad()
def hard_losses(
    logits: Tensor, batch: dict[str, Tensor], tokenizer: Tokenizer
) -> dict[str, Tensor]:
    """Cross-entropy over hard targets, coordinates and classes apart, so that runs with different
    softening compare."""
    targets, weights = batch["target_ids"], batch["token_weights"]
    losses, is_coord = token_losses(logits, targets), tokenizer.is_coord(targets)
    return {
        "coord_loss": weighted_mean(losses, weights * is_coord),
        "class_loss": weighted_mean(losses, weights * ~is_coord),
    }


def look_through(mixture: TrainingMixture) -> None:
    """Say what will be learned from; refuse what cannot be."""
    for photos in mixture.photos:
        bar = partial(tqdm, desc="checking images", total=len(photos), disable=None, leave=False)
        found = survey(photos, bar)
        print(*found.lines(), sep="; ", file=sys.stderr, flush=True)
        found.require_usable()


def plain_errors(batches: Iterable) -> Iterator:
    """The batches; an error in a loader's worker comes as itself, without the worker's traceback,
    which PyTorch puts into its message."""
    try:
        yield from batches
    except ConfigError as error:
        *trace, last = str(error).rstrip().splitlines()
        raise ConfigError(last.partition(": ")[2] if trace else last) from None


def save_run(
    out: Path,
    step: int,
    accelerator: Any,
    model: Pix2Seq,
    average: WeightAverage,
    tokenizer: Tokenizer,
    config: TrainConfig,
) -> None:
    """Write the resumable state and the averaged checkpoint."""
    classes = [tokenizer.categories.name(i) for i in tokenizer.categories.named_labels()]
    states.save_state(out, step, classes, accelerator)
    if accelerator.is_main_process:
        _checkpoint(out / "checkpoint", out, model, average, tokenizer, config)


def snapshot_folder(out: Path, step: int) -> Path:
    """Where a run keeps the weights of a step."""
    return out / "snapshots" / f"step-{step:06d}"


def _checkpoint(
    folder: Path,
    out: Path,
    model: Pix2Seq,
    average: WeightAverage,
    tokenizer: Tokenizer,
    config: TrainConfig,
) -> None:
    """Write the averaged weights as a checkpoint."""
    checkpoints.save(
        folder,
        model,
        config.tokenizer,
        config.preprocess,
        tokenizer.categories,
        defaults=config.sampling,
        info=CheckpointInfo(name=run_name(out), title=run_name(out), source="pix2seq train"),
        state_dict=model.state_dict() | average.values,
    )


def run_name(out: Path) -> str:
    """What a run's checkpoint is called in menus, tables and records: its folder's name."""
    return out.resolve().name or "run"


def prepare_folder(out: Path, config: TrainConfig) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(out, error) from None
    files.write_text(out / "train.json", config.to_json() + "\n")
