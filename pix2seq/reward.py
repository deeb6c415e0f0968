"""Reward tuning: sentences are sampled, and those that detect better become likelier.

Likelihood asks for every token of one sentence alike; a detector is judged by which of its boxes
are right. After likelihood, Pinto et al. (*Tuning computer vision models with task rewards*, arXiv
2302.08242) sample sentences, score each as a whole and follow REINFORCE: what a score is above the
mean of the other samples weighs the log-probability of all its tokens. A share of likelihood keeps
the language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pix2seq.boxes import box_iou, lies_in
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model import Pix2Seq
from pix2seq.tokenizer import Tokenizer

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
_COST = 0.3  # of a box that is wrong or says an object twice; one that is right everywhere earns 1


class WordRules:
    """What may stand in each slot of a sampled sentence: the grammar, without an end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        allowed = torch.stack([tokenizer.allowed(i) for i in range(SLOTS_PER_OBJECT)])
        allowed[:, tokenizer.eos_id] = False
        self.forbidden = ~allowed  # (5, V)

    def logprobs(self, logits: Tensor) -> Tensor:
        """Log-probabilities among what may stand there: (B, L, V), L whole objects -> (B, L, V)."""
        objects = logits.float().unflatten(1, (-1, SLOTS_PER_OBJECT))
        masked = objects.masked_fill(self.forbidden.to(logits.device), -torch.inf)
        return masked.log_softmax(-1).flatten(1, 2)


@torch.no_grad()
def sample_sentences(
    model: Pix2Seq, memory: Tensor, samples: int, objects: int, tokenizer: Tokenizer
) -> Tensor:
    """Sentences as the model would write them at temperature 1, whatever EOS says.

    Args:
        memory: (B, N, D).
        samples: sentences per image.
        objects: objects per sentence.

    Returns:
        (B * samples, objects * 5) token ids, prompt excluded.
    """
    rules = WordRules(tokenizer)
    ids = torch.full((len(memory) * samples, 1), tokenizer.bos_id, device=memory.device)
    written = []
    with torch.autocast(memory.device.type, enabled=False):
        cache = model.new_cache(memory.float().repeat_interleave(samples, 0))
        for index in range(objects * SLOTS_PER_OBJECT):
            logits = model.decode(ids, cache=cache)[:, -1]
            forbidden = rules.forbidden[index % SLOTS_PER_OBJECT].to(logits.device)
            ids = logits.masked_fill(forbidden, -torch.inf).softmax(-1).multinomial(1)
            written.append(ids)
    return torch.cat(written, 1)


def sentence_reward(
    boxes: Tensor, labels: Sequence[int], true_boxes: Tensor, true_labels: Tensor
) -> float:
    """How well a sentence detects.

    Objects are matched in the order in which they were written, each to the best one left of its
    class, at every threshold. What matches earns the share of the thresholds at which it does; what
    matches at none costs, be it wrong or a double. The sum is divided by the number of objects.

    Args:
        boxes: (N, 4) ``xyxy`` of what was written as real.
        labels: its labels.
        true_boxes, true_labels: (M, 4) and (M,); negative labels are regions that nobody is asked
            about: what lies in one neither earns nor costs.
    """
    real = true_labels >= 0
    regions, true_boxes = true_boxes[~real], true_boxes[real]
    true_labels = true_labels[real]
    hidden = lies_in(boxes, regions).any(1)
    overlap = box_iou(boxes, true_boxes)
    overlap = torch.where(torch.as_tensor(labels)[:, None] == true_labels, overlap, 0.0)
    total = 0.0
    for threshold in THRESHOLDS:
        free = torch.ones(len(true_boxes), dtype=torch.bool)
        for number in range(len(boxes)):
            best, index = (overlap[number] * free).max(0) if len(free) else (torch.tensor(0.0), 0)
            if best >= threshold:
                free[index] = False
                total += 1 / len(THRESHOLDS)
            elif threshold == THRESHOLDS[0] and not hidden[number]:
                total -= _COST
    return total / max(1, len(true_boxes))


def rewards_of(
    sentences: Tensor, boxes_norm: Tensor, labels: Tensor, tokenizer: Tokenizer
) -> Tensor:
    """The reward of every sentence, (B, S); noise objects neither earn nor cost.

    Args:
        sentences: (B * S, L) from ``sample_sentences``.
        boxes_norm, labels: (B, M, 4) and (B, M), what is known of the images.
    """
    written, classes = tokenizer.decode(sentences.cpu())
    first, samples = tokenizer.class_ids.start, len(sentences) // len(labels)
    scores = []
    for row, (boxes, ids) in enumerate(zip(written, classes, strict=True)):
        real = ids != tokenizer.noise_id
        truth = boxes_norm[row // samples].cpu(), labels[row // samples].cpu()
        scores.append(sentence_reward(boxes[real], (ids[real] - first).tolist(), *truth))
    return torch.tensor(scores).view(-1, samples)


def advantages(rewards: Tensor) -> Tensor:
    """What each sentence earned more than the others about its image on average, (B, S)."""
    samples = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * samples / (samples - 1)


def reinforce(logits: Tensor, sentences: Tensor, gains: Tensor, tokenizer: Tokenizer) -> Tensor:
    """The loss whose gradient makes sentences likelier by what they gained.

    Args:
        logits: (B * S, L, V) of the sentences' tokens.
        sentences: (B * S, L).
        gains: (B, S) from ``advantages``.
    """
    chosen = WordRules(tokenizer).logprobs(logits).gather(-1, sentences[..., None])[..., 0]
    per_object = chosen.sum(1) / (sentences.shape[1] // SLOTS_PER_OBJECT)
    return -(gains.to(chosen).flatten() * per_object).mean()


class Rewarding:
    """Sentences sampled about a batch's images, and what they teach.

    Args:
        samples: sentences per image.
        objects: objects per sentence.
    """

    def __init__(self, tokenizer: Tokenizer, samples: int, objects: int) -> None:
        self.tokenizer = tokenizer
        self.samples = samples
        self.objects = objects

    def __call__(
        self, model: Pix2Seq, memory: Tensor, batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The loss and the mean reward, both ()."""
        words = self.tokenizer
        sentences = sample_sentences(model, memory.detach(), self.samples, self.objects, words)
        rewards = rewards_of(sentences, batch["boxes_norm"], batch["labels"], words)
        prompt = sentences.new_full((len(sentences), 1), words.bos_id)
        logits = model.decode(torch.cat([prompt, sentences[:, :-1]], 1), memory)
        loss = reinforce(logits, sentences, advantages(rewards), words)
        return loss, rewards.mean().to(loss)
