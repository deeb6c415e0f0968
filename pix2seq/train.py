"""Training: the paper's recipe (section 3.3, appendix B) on any mixture of photos and scenes.

``python -m pix2seq train --config FILE --out DIR`` runs it; under ``accelerate launch`` the same
command uses many processes or GPUs. A run folder holds ``train.json`` (the settings),
``metrics.jsonl`` (one line per report), ``state/`` (everything needed to go on from the last step)
and ``checkpoint/`` (the averaged weights in the format that ``pix2seq.load`` reads).
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from pix2seq import checkpoints
from pix2seq.categories import LABEL_SPACES
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.data import CocoDetection
from pix2seq.data.mixture import TrainingMixture, collate
from pix2seq.finetune import initialise
from pix2seq.model import Pix2Seq
from pix2seq.model.encoders import FeatureEncoder
from pix2seq.model.pretrained import load_backbone
from pix2seq.objective import soft_coordinate_targets, token_losses, weighted_mean
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import normalize

_REPORT_EVERY = 20


class TeacherForcing(nn.Module):
    """Pixels and input ids to logits in one ``forward``: the unit that data parallelism wraps."""

    def __init__(self, model: Pix2Seq) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor, input_ids: Tensor) -> Tensor:
        """(B, 3, H, W) and (B * S, L) -> (B * S, L, V)."""
        return self.model.decode(input_ids, self.model.encode_image(pixels))


class WeightAverage:
    """Exponential moving average of a model's floating-point weights.

    The decay ramps up with the number of updates, so that the average forgets its random start.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._live = self._floats(model)
        self.values = {name: value.detach().clone() for name, value in self._live.items()}

    @staticmethod
    def _floats(model: nn.Module) -> dict[str, Tensor]:
        return {k: v for k, v in model.state_dict().items() if v.is_floating_point()}

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the model's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = [value.detach() for value in self._live.values()]
        torch._foreach_lerp_(list(self.values.values()), live, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        for name, value in state["values"].items():
            self.values[name].copy_(value)


def learning_rate_share(step: int, config: TrainConfig) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to ``final_lr``."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.final_lr + (1 - config.final_lr) * cosine


def build_optimizer(model: Pix2Seq, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with one rate for the backbone and one for the rest; only matrices decay."""
    encoder = model.encoder
    backbone = encoder.backbone if isinstance(encoder, FeatureEncoder) else nn.Module()
    in_backbone = {id(p) for p in backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = id(parameter) in in_backbone, parameter.ndim >= 2
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.backbone_lr if backbone_group else config.lr,
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (backbone_group, decays), parameters in groups.items()
        ],
        betas=(0.9, 0.95),
    )


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
        initialise(model, tokenizer, checkpoints.load(config.init, device="cpu"))
    elif isinstance(model.encoder, FeatureEncoder):
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
        resume: go on from ``out/state`` if there is one.

    Returns:
        The folder of the final checkpoint.

    Raises:
        ConfigError: ``out`` already holds a run and ``resume`` is off, or the processes cannot
            share a batch evenly.
    """
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    out = Path(out)
    if (out / "state").exists() and not resume:
        raise ConfigError(f"{out} already holds a run; add --resume or choose another folder")
    # Processes share each batch, so that a run has as many steps however many there are.
    accelerator = Accelerator(
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
    model = build_model(config, tokenizer)
    loader = DataLoader(
        TrainingMixture(config, tokenizer),
        batch_size=config.batch_size,
        collate_fn=collate,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
    )
    optimizer = build_optimizer(model, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: learning_rate_share(s, config)
    )
    network, optimizer, loader, schedule = accelerator.prepare(
        TeacherForcing(model), optimizer, loader, schedule
    )
    average = WeightAverage(model, config.ema)
    accelerator.register_for_checkpointing(average)

    first = 0
    if resume and (out / "state").exists():
        accelerator.load_state(str(out / "state"))
        first = json.loads((out / "state" / "step.json").read_text())["step"]
        loader = accelerator.skip_first_batches(loader, first)
    if accelerator.is_main_process:
        out.mkdir(parents=True, exist_ok=True)
        (out / "train.json").write_text(config.to_json())

    soft_targets = (
        soft_coordinate_targets(tokenizer, config.coord_sigma).to(accelerator.device)
        if config.coord_sigma
        else None
    )
    reporter = Reporter(out / "metrics.jsonl", config, first, accelerator.is_main_process)
    network.train()
    for step, batch in enumerate(loader, start=first):
        if step >= config.steps:
            break
        pixels = normalize(batch["pixels"].float() / 255, config.preprocess)
        logits = network(pixels.to(memory_format=torch.channels_last), batch["input_ids"])
        targets = batch["target_ids"], tokenizer
        losses = token_losses(logits, *targets, soft_targets)
        loss = weighted_mean(losses, batch["token_weights"])
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}; lower lr")
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network.parameters(), config.grad_clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        average.update()
        hard = losses if soft_targets is None else token_losses(logits.detach(), *targets)
        reporter.add(step, loss, hard, batch, tokenizer, max(schedule.get_last_lr()))
        last = step + 1 == config.steps
        if last or (step + 1) % config.save_every == 0:
            _save(out, step + 1, accelerator, model, average, tokenizer, config)
    reporter.close()
    return out / "checkpoint"


def _save(
    out: Path,
    step: int,
    accelerator: Any,
    model: Pix2Seq,
    average: WeightAverage,
    tokenizer: Tokenizer,
    config: TrainConfig,
) -> None:
    """Write the resumable state and the averaged checkpoint."""
    accelerator.wait_for_everyone()
    accelerator.save_state(str(out / "state"))
    if accelerator.is_main_process:
        (out / "state" / "step.json").write_text(json.dumps({"step": step}))
        checkpoints.save(
            out / "checkpoint",
            model,
            config.tokenizer,
            config.preprocess,
            tokenizer.categories,
            defaults=config.sampling,
            state_dict=model.state_dict() | average.values,
        )


class Reporter:
    """Progress bar and ``metrics.jsonl``: means since the last line, coordinates and classes apart.

    The split is over hard targets, so that runs with different softening compare.
    """

    def __init__(self, path: Path, config: TrainConfig, first: int, active: bool) -> None:
        self.path = path
        self.active = active
        self.batch_size = config.batch_size
        self.bar = tqdm(total=config.steps, initial=first, disable=not active, unit="step")
        self.rows: list[tuple[float, float, float]] = []
        self.images = 0
        self.started = time.perf_counter()

    @torch.no_grad()
    def add(
        self,
        step: int,
        loss: Tensor,
        losses: Tensor,
        batch: dict[str, Tensor],
        tokenizer: Tokenizer,
        rate: float,
    ) -> None:
        if not self.active:
            return
        weights = batch["token_weights"]
        coords = tokenizer.coord_ids
        is_coord = (batch["target_ids"] >= coords.start) & (batch["target_ids"] < coords.stop)
        self.rows.append(
            (
                loss.item(),
                weighted_mean(losses, weights * is_coord).item(),
                weighted_mean(losses, weights * ~is_coord).item(),
            )
        )
        self.images += self.batch_size
        self.bar.update()
        if (step + 1) % _REPORT_EVERY:
            return
        mean = torch.tensor(self.rows).mean(0).tolist()
        seconds = time.perf_counter() - self.started
        record = {
            "step": step + 1,
            "loss": round(mean[0], 4),
            "coord_loss": round(mean[1], 4),
            "class_loss": round(mean[2], 4),
            "lr": rate,
            "images_per_s": round(self.images / seconds, 2),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        self.bar.set_postfix(coord=f"{mean[1]:.3f}", cls=f"{mean[2]:.3f}")
        self.rows, self.images, self.started = [], 0, time.perf_counter()

    def close(self) -> None:
        self.bar.close()
