"""Reward tuning: sentences are sampled, and those that detect better become likelier.

Likelihood asks for every token of one sentence alike; a detector is judged by which of its boxes
are right. After likelihood, Pinto et al. (*Tuning computer vision models with task rewards*, arXiv
2302.08242) sample sentences, score each and follow REINFORCE: what a score is above the mean of the
other samples weighs the log-probability of its tokens. They score a sentence as a whole; here the
reward is told object by object, and an object answers for itself and, less and less, for what is
written after it. A share of likelihood keeps the language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pix2seq.boxes import box_iou, lies_in
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model import Pix2Seq
from pix2seq.model.drafts import Drafted
from pix2seq.sampling.guide import Guide
from pix2seq.tokenizer import Tokenizer

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
NOISE = -1
_HINT = 0.15  # for noise that lies on an object nobody found
_COST = 0.3  # of a box that is wrong or says an object twice; one that is right everywhere earns 1


class WordRules:
    """What may stand in each slot of a sampled sentence: the grammar, without an end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        allowed = torch.stack([tokenizer.allowed(i) for i in range(SLOTS_PER_OBJECT)])
        self.ungrammatical = ~allowed  # (5, V)
        self.forbidden = self.ungrammatical.clone()  # (5, V)
        self.forbidden[:, tokenizer.eos_id] = True

    def logprobs(self, logits: Tensor) -> Tensor:
        """Log-probabilities among what may stand there: (B, L, V), L whole objects -> (B, L, V)."""
        objects = logits.float().unflatten(1, (-1, SLOTS_PER_OBJECT))
        masked = objects.masked_fill(self.forbidden.to(logits.device), -torch.inf)
        return masked.log_softmax(-1).flatten(1, 2)

    def slips(self, logits: Tensor) -> Tensor:
        """How unsure each position is of writing anything grammatical, in nats: (B, L, V) ->
        (B, L). A reward among what may stand there does not tell."""
        objects = logits.float().unflatten(1, (-1, SLOTS_PER_OBJECT)).log_softmax(-1)
        kept = objects.masked_fill(self.ungrammatical.to(logits.device), -torch.inf)
        return -kept.logsumexp(-1).flatten(1, 2)


@torch.no_grad()
def sample_sentences(
    model: Pix2Seq,
    memory: Tensor,
    samples: int,
    objects: int,
    tokenizer: Tokenizer,
    drafted: Drafted | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Sentences as the model would write them at temperature 1, whatever EOS says.

    Args:
        memory: (B, N, D).
        samples: sentences per image.
        objects: objects per sentence.
        drafted: what the encoder drafted of the images, for sentences that follow it.

    Returns:
        (B * samples, objects * 5) token ids, prompt excluded, and the nats that the drafts took
        from each coordinate of each place, (B * samples, objects * 5, bins), on the CPU.
    """
    rules = WordRules(tokenizer)
    ids = torch.full((len(memory) * samples, 1), tokenizer.bos_id, device=memory.device)
    written = []
    guides = _guides(drafted, len(memory), samples, tokenizer)
    coords = slice(tokenizer.coord_ids.start, tokenizer.coord_ids.stop)
    taken = torch.zeros(len(ids), objects * SLOTS_PER_OBJECT, tokenizer.num_bins)
    with torch.autocast(memory.device.type, enabled=False):
        cache = model.new_cache(memory.float().repeat_interleave(samples, 0))
        for index in range(objects * SLOTS_PER_OBJECT):
            logits = model.decode(ids, cache=cache)[:, -1]
            forbidden = rules.forbidden[index % SLOTS_PER_OBJECT].to(logits.device)
            for row, guide in enumerate(guides):
                if (pull := guide.pull()) is not None:
                    taken[row, index] = torch.from_numpy(pull.bell(tokenizer))
            if guides:
                logits = logits.clone()
                logits[:, coords] -= taken[:, index].to(logits)
            ids = logits.masked_fill(forbidden, -torch.inf).softmax(-1).multinomial(1)
            written.append(ids)
            for guide, token_id in zip(guides, ids[:, 0].tolist() if guides else [], strict=True):
                guide.read(token_id)
    return torch.cat(written, 1), taken if guides else None


def _guides(
    drafted: Drafted | None, images: int, samples: int, tokenizer: Tokenizer
) -> list[Guide]:
    """One per sentence, if sentences follow drafts."""
    if drafted is None:
        return []
    drafted = drafted.cpu()
    return [Guide(one, tokenizer) for one in drafted.each(images) for _ in range(samples)]


def object_rewards(
    boxes: Tensor, labels: Sequence[int], true_boxes: Tensor, true_labels: Tensor
) -> Tensor:
    """What each object of a sentence earns, (N,), from ``-_COST`` to 1.

    Objects are matched in the order in which they were written, each to the best one left of its
    class, at every threshold. What matches earns the share of the thresholds at which it does; what
    matches at none costs, be it wrong or a double. What is called noise never costs, and earns a
    little where it lies on an object that was not found: the altered inference (paper section 2.4)
    names it all the same, and so it had better lie somewhere.

    Args:
        boxes: (N, 4) ``xyxy``.
        labels: its labels, ``NOISE`` for noise.
        true_boxes, true_labels: (M, 4) and (M,); negative labels are regions that nobody is asked
            about: what lies in one neither earns nor costs.
    """
    real = true_labels >= 0
    regions, true_boxes = true_boxes[~real], true_boxes[real]
    true_labels = true_labels[real]
    hidden = lies_in(boxes, regions).any(1)
    overlap = box_iou(boxes, true_boxes)
    names = torch.as_tensor(labels)
    noise = names == NOISE
    overlap = torch.where(noise[:, None] | (names[:, None] == true_labels), overlap, 0.0)
    earned = torch.zeros(len(boxes))
    order = noise.long().argsort(stable=True).tolist()  # what has a name chooses first
    for threshold in THRESHOLDS:
        free = torch.ones(len(true_boxes), dtype=torch.bool)
        for number in order:
            best, index = (overlap[number] * free).max(0) if len(free) else (torch.tensor(0.0), 0)
            if best >= threshold:
                free[index] = False
                earned[number] += (_HINT if noise[number] else 1) / len(THRESHOLDS)
            elif threshold == THRESHOLDS[0] and not hidden[number] and not noise[number]:
                earned[number] -= _COST
    return earned


def rewards_of(
    sentences: Tensor, boxes_norm: Tensor, labels: Tensor, tokenizer: Tokenizer
) -> Tensor:
    """What every object of every sentence earns, (B, S, N).

    Args:
        sentences: (B * S, N * 5) from ``sample_sentences``.
        boxes_norm, labels: (B, M, 4) and (B, M), what is known of the images.
    """
    written, classes = tokenizer.decode(sentences.cpu())
    names = torch.where(classes == tokenizer.noise_id, NOISE, classes - tokenizer.class_ids.start)
    samples = len(sentences) // len(labels)
    truth = [*zip(boxes_norm.cpu(), labels.cpu(), strict=True)]
    rewards = [
        object_rewards(boxes, ids.tolist(), *truth[row // samples])
        for row, (boxes, ids) in enumerate(zip(written, names, strict=True))
    ]
    return torch.stack(rewards).unflatten(0, (-1, samples))


def returns(rewards: Tensor, discount: float) -> Tensor:
    """What is earned from each object on, (..., N): a later object's reward counts ``discount``
    times as much with every object that lies between, an earlier one's not at all."""
    total = rewards.clone()
    for number in range(rewards.shape[-1] - 2, -1, -1):
        total[..., number] += discount * total[..., number + 1]
    return total


def advantages(earned: Tensor) -> Tensor:
    """What each sentence earned more than the others about its image on average; (B, S, ...)."""
    samples = earned.shape[1]
    return (earned - earned.mean(1, keepdim=True)) * samples / (samples - 1)


def reinforce(
    logits: Tensor,
    sentences: Tensor,
    gains: Tensor,
    tokenizer: Tokenizer,
    taken: Tensor | None = None,
) -> Tensor:
    """The loss whose gradient makes objects likelier by what they gained, and keeps the grammar.

    Args:
        logits: (B * S, N * 5, V) of the sentences' tokens.
        sentences: (B * S, N * 5).
        gains: (B, S, N) from ``advantages``.
        taken: (B * S, N * 5, bins) from ``sample_sentences``, where drafts were followed.
    """
    rules = WordRules(tokenizer)
    drawn_from = logits
    if taken is not None:
        coords = tokenizer.coord_ids
        after = tokenizer.vocab_size - coords.stop
        drawn_from = logits - F.pad(taken, (coords.start, after)).to(logits)
    chosen = rules.logprobs(drawn_from).gather(-1, sentences[..., None])[..., 0]
    per_object = chosen.unflatten(1, (-1, SLOTS_PER_OBJECT)).sum(-1)
    return rules.slips(logits).mean() - (gains.to(chosen).flatten(0, 1) * per_object).mean()


class Rewarding:
    """Sentences sampled about a batch's images, and what they teach.

    Args:
        samples: sentences per image.
        objects: objects per sentence.
        discount: see ``returns``.
        follow_drafts: whether sentences follow the encoder's drafts, as they will when they are
            read.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        samples: int,
        objects: int,
        discount: float,
        follow_drafts: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.samples = samples
        self.objects = objects
        self.discount = discount
        self.follow_drafts = follow_drafts

    def __call__(
        self,
        model: Pix2Seq,
        memory: Tensor,
        batch: Mapping[str, Tensor],
        drafted: Drafted | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The loss, and what a sentence earned on average of what it could earn, both ()."""
        words = self.tokenizer
        sentences, taken = sample_sentences(
            model,
            memory.detach(),
            self.samples,
            self.objects,
            words,
            drafted,
        )
        rewards = rewards_of(sentences, batch["boxes_norm"], batch["labels"], words)
        prompt = sentences.new_full((len(sentences), 1), words.bos_id)
        logits = model.decode(torch.cat([prompt, sentences[:, :-1]], 1), memory)
        gains = advantages(returns(rewards, self.discount))
        loss = reinforce(logits, sentences, gains, words, taken)
        known = (batch["labels"] >= 0).sum(1).clamp(min=1).cpu()
        return loss, (rewards.sum(2) / known[:, None]).mean().to(loss)
