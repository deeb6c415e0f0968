"""The loop of ``python -m pix2seq distill``.

A run folder is laid out as ``train``'s: ``train.json`` (the settings), ``metrics.jsonl``,
``state/`` (everything needed to go on from the last step) and ``checkpoint/`` (the averaged
weights, which ``pix2seq.load``, ``train --init`` and ``distill --init`` read).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pix2seq import checkpoints
from pix2seq.boxes import scale_boxes
from pix2seq.config import ConfigError, DistillConfig
from pix2seq.device import pick_device
from pix2seq.distill.colleague import Colleague
from pix2seq.distill.lessons import Lessons, collate_lessons
from pix2seq.distill.mistakes import with_mistakes, wrong_drafts
from pix2seq.distill.places import PlaceLosses, teacher_places
from pix2seq.distill.pointing import pointing_loss, tokens_to_copy
from pix2seq.distill.reciting import recited
from pix2seq.distill.truth import corrected
from pix2seq.finetune import has_other_backbone, initialise, initialise_parts
from pix2seq.hub.fetch import folder_of
from pix2seq.model import Pix2Seq
from pix2seq.model.places import Places
from pix2seq.model.pretrained import load_backbone
from pix2seq.objective import SoftenedLosses, kind_losses, weighted_mean
from pix2seq.optim import Clock, WeightAverage, build_optimizer, learning_rate_share
from pix2seq.reporter import Reporter
from pix2seq.resume import begin, check_free
from pix2seq.tokenizer import Tokenizer
from pix2seq.train import (
    build_tokenizer,
    hard_losses,
    plain_errors,
    prepare_folder,
    save_run,
)
from pix2seq.transforms import jitter_colors, normalize


class Lesson(nn.Module):
    """A batch to its losses by name."""

    def __init__(self, model: Pix2Seq, tokenizer: Tokenizer, config: DistillConfig) -> None:
        super().__init__()
        pyramid = config.model.encoder.pyramid
        self.model = model
        self.tokenizer = tokenizer
        self.config = config
        self.place_losses = PlaceLosses(pyramid.width, pyramid.classes)
        self.losses_of = SoftenedLosses(tokenizer, config.coord_sigma, config.class_smoothing)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum to be minimised and its parts, unweighted (and hard ones of the sentences)."""
        config, encoder = self.config, self.model.encoder
        pixels = normalize(batch["pixels"].float() / 255, config.preprocess)
        size = tuple(pixels.shape[-2:])
        parts: dict[str, Tensor] = {}
        loss = pixels.new_zeros(())
        if config.asks:
            teacher = places = teacher_places(batch)
        if config.reads != "teacher":
            with torch.set_grad_enabled(config.looks or config.reads == "own"):
                places = encoder.look(pixels.contiguous(memory_format=torch.channels_last))
        if config.looks:
            asked = batch["asked"]
            if config.truth:
                boxes = scale_boxes(batch["boxes_norm"], size)
                teacher = corrected(teacher, boxes, batch["labels"], asked, size)
            self.place_losses.measure(teacher, asked)
            names = "maps", "classes", "boxes"
            parts |= zip(names, self.place_losses(places, teacher, asked), strict=True)
            loss = loss + sum(getattr(config, f"{name}_weight") * parts[name] for name in names)
        if config.sentences_weight:
            count = config.sentence_images or len(pixels)
            seen = places.first(count)
            seen = seen.detach() if config.reads == "detached" else seen
            memory = encoder.remember(seen, size)
            loss = loss + config.sentences_weight * self._read(batch, seen, memory, parts)
        return loss, parts

    def _read(
        self, batch: dict[str, Tensor], places: Places, memory: Tensor, parts: dict[str, Tensor]
    ) -> Tensor:
        """The loss of the sentences about the first images of a batch."""
        config, words, augment = self.config, self.tokenizer, self.config.augment
        images, size = len(memory), tuple(batch["pixels"].shape[-2:])
        names = "input_ids", "target_ids", "token_weights"
        batch = batch | {name: batch[name][: images * config.sequences_per_image] for name in names}
        batch |= {name: batch[name][:images] for name in ("boxes_norm", "labels")}
        looked: list[Tensor] | None = [] if config.pointing_weight else None
        if config.uses_drafts:
            said = self.model.encoder.drafts.say(places, size)
            drafts, sure = said.boxes, said.sure
        if config.recites:
            batch |= recited(batch, drafts, sure, words, augment)
        if config.mistakes:
            wrong = wrong_drafts(drafts, batch["boxes_norm"], batch["labels"])
            share = config.mistakes
            batch |= with_mistakes(batch, drafts, sure, wrong, share, words, augment)
        targets, weights = batch["target_ids"], batch["token_weights"]
        logits = self.model.decode(batch["input_ids"], memory, seen=looked)
        loss = weighted_mean(self.losses_of(logits, targets), weights)
        if augment.kind_weight:
            untaught = (weights == 0) & words.is_coord(targets)
            kinds = weighted_mean(kind_losses(logits, words), untaught)
            loss = loss + augment.kind_weight * kinds
        if looked:
            parts["pointing"] = pointing_loss(looked[0], tokens_to_copy(batch, drafts, words))
            loss = loss + config.pointing_weight * parts["pointing"]
        parts |= hard_losses(logits, batch, words)
        return loss


def build_model(config: DistillConfig, tokenizer: Tokenizer) -> Pix2Seq:
    """The network before its first step: from a pyramid's checkpoint, or from what another kind of
    checkpoint or ImageNet has of it."""
    torch.manual_seed(config.seed)
    model = Pix2Seq(config.model)
    source = config.init and checkpoints.load(folder_of(config.init), device="cpu")
    if source is None or has_other_backbone(model, source):
        name = config.model.encoder.backbone or ""
        load_backbone(model.encoder, name, config.backbone_weights)
    if source is None:
        return model
    if source.model.config.encoder.kind == "pyramid":
        initialise(model, tokenizer, source)
    else:
        initialise_parts(model, tokenizer, source)
    if model.encoder.drafts is not None and getattr(source.model.encoder, "drafts", None) is None:
        spell_drafts(model, tokenizer)
    return model


def call_in(config: DistillConfig, device: torch.device) -> Colleague:
    """Load a run's teacher, if it is one that answers for batches."""
    pyramid = config.model.encoder.pyramid
    size = tuple(config.preprocess.image_size)
    return Colleague(config.teacher, device, size, pyramid.width, pyramid.classes)


def spell_drafts(model: Pix2Seq, tokenizer: Tokenizer) -> None:
    """Have new drafts say edges and classes in the decoder's own words."""
    output = model.decoder.output or model.decoder.embedding
    if output.ordinal_ids is not None:
        rows = output().detach()[list(tokenizer.class_ids)]
        model.encoder.drafts.spell(output.from_code.weight.detach(), rows)


def run(config: DistillConfig, out: str | Path, resume: bool = False) -> Path:
    """Learn from start to end.

    Args:
        out: the run folder.
        resume: go on from the newest state in ``out`` that is whole, if there is one.

    Returns:
        The folder of the final checkpoint.

    Raises:
        ConfigError: ``out`` already holds a run and ``resume`` is off, the teacher does not work,
            the loss is no number any more, or the disk does not take a save.
    """
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    out = Path(out)
    check_free(out, resume)
    device = pick_device("auto").type
    on_gpu = device == "cuda"
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=config.mixed_precision,
        step_scheduler_with_optimizer=False,
        dataloader_config=DataLoaderConfiguration(non_blocking=on_gpu),
    )
    if accelerator.num_processes > 1:
        raise ConfigError(
            f"{accelerator.num_processes} processes were started; distill runs in one, and its "
            "loader and the teacher in others (set workers)"
        )
    tokenizer = build_tokenizer(config)
    state, first = begin(out, config, tokenizer.categories, resume)
    if first == config.steps:
        return out / "checkpoint"
    model = build_model(config, tokenizer).to(memory_format=torch.channels_last)
    model.encoder.freeze(depthwise=not on_gpu)
    later = config.asks_batches or not config.asks  # the teacher sees colours as the network does
    lessons = Lessons(config, tokenizer, colored=not (on_gpu and later))
    loader = DataLoader(
        lessons,
        batch_size=config.batch_size,
        collate_fn=collate_lessons,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        pin_memory=on_gpu,
    )
    lesson = Lesson(model, tokenizer, config)
    optimizer = build_optimizer(lesson, model.encoder.backbone, config)
    clock = Clock(config.minutes)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_share(step, config, clock.share)
    )
    lesson, optimizer, loader, schedule = accelerator.prepare(lesson, optimizer, loader, schedule)
    average = WeightAverage(model, config.ema)
    reporter = Reporter(out / "metrics.jsonl", config, active=True)
    accelerator.register_for_checkpointing(average, reporter, clock)
    if state is not None:
        accelerator.load_state(str(state.folder))
        loader = accelerator.skip_first_batches(loader, first)
    prepare_folder(out, config)
    reporter.begin(first)
    lesson.train()
    colleague = call_in(config, accelerator.device) if config.asks_batches else None
    try:
        for step, batch in enumerate(reporter.timed(plain_errors(loader)), start=first):
            if not lessons.examples.colored:
                pixels, content, color = (batch[name] for name in ("pixels", "content", "color"))
                batch |= {"pixels": jitter_colors(pixels, content, color)}
            if colleague is not None:
                batch |= colleague(batch["pixels"])
            last = step + 1 == config.steps or clock.share >= 1
            saves = last or (step + 1) % config.save_every == 0
            loss, parts = lesson(batch)
            if (not on_gpu or saves) and not torch.isfinite(loss):
                raise ConfigError(
                    f"the loss is {loss.item()} at step {step + 1}: training diverged; lower lr "
                    f"(it is {config.lr:g}) or grad_clip (it is {config.grad_clip:g})"
                )
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(lesson.parameters(), config.grad_clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            average.update()
            reporter.add(step, parts, max(schedule.get_last_lr()))
            if saves:
                save_run(out, step + 1, accelerator, model, average, tokenizer, config)
            if last:
                break
    finally:
        lessons.close()
        reporter.close()
    return out / "checkpoint"
