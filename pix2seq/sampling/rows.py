"""Several sentences about one image that are read or written side by side.

``forced_logits`` reads given sentences in one forward pass; ``Rows`` writes sentences of one length
that share their past: rows are copied where a sentence forks and dropped where one ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pix2seq.config import ConfigError
from pix2seq.device import inference
from pix2seq.sampling.batch import Writer
from pix2seq.tokenizer import Tokenizer


def forced_logits(
    model: Writer, memory: Tensor, tokenizer: Tokenizer, sentences: Sequence[Sequence[int]]
) -> list[Tensor]:
    """What the model thinks at every place of sentences that are given (teacher forcing).

    Attention is causal, so what stands behind a place does not matter there: sentences of unequal
    length are padded on the right and read together.

    Args:
        memory: (1, N, D) from ``encode_image``.
        sentences: ids after the prompt, each.

    Returns:
        For each sentence of L tokens (L + 1, V) float32 raw logits on the CPU: row ``i`` belongs to
        token ``i``, the last one to the token that would come next.

    Raises:
        ConfigError: a sentence holds an id that is not in the vocabulary, or the model's logits are
            no numbers.
        ValueError: a sentence is longer than the model can read.
    """
    if not sentences:
        return []
    for token_id in (token_id for sentence in sentences for token_id in sentence):
        if not 0 <= token_id < tokenizer.vocab_size:
            raise ConfigError(
                f"token {token_id} is not in the vocabulary; use 0 to {tokenizer.vocab_size - 1}"
            )
    longest = max(map(len, sentences))
    ids = torch.full((len(sentences), longest + 1), tokenizer.pad_id)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence) + 1] = torch.tensor([tokenizer.bos_id, *sentence])
    with inference(memory.device):
        logits = model.decode(ids.to(memory.device), memory).float()
    logits = _numbers(logits).cpu().clone()  # out of inference mode
    return [logits[row, : len(sentence) + 1] for row, sentence in enumerate(sentences)]


class Rows:
    """R sentences of equal length about one image, as far as they are written.

    Args:
        memory: (1, N, D) from ``encode_image``.
        prefixes: R beginnings of one length, ids after the prompt.

    Attributes:
        past: (R, L + 1, V) float32 raw logits of the prefixes' tokens and of the one that comes
            next.
        logits: (R, V) float32, raw, of the next token, on the CPU.
    """

    def __init__(
        self,
        model: Writer,
        memory: Tensor,
        tokenizer: Tokenizer,
        prefixes: Sequence[Sequence[int]] = ((),),
    ) -> None:
        lengths = sorted({len(prefix) for prefix in prefixes})
        if len(lengths) != 1 or memory.shape[0] != 1:
            raise ValueError(
                f"prefixes of {lengths} tokens about {memory.shape[0]} images cannot be written "
                "side by side; use one length and one image"
            )
        self._model = model
        self._device = memory.device
        with inference(self._device):
            self._cache = model.new_cache(memory, batch_size=len(prefixes))
        ids = torch.tensor([[tokenizer.bos_id, *prefix] for prefix in prefixes])
        self.past = self._read(ids)
        self.logits = self.past[:, -1]

    def __len__(self) -> int:
        return len(self.logits)

    def fork(self, parents: Sequence[int]) -> None:
        """Go on with the rows ``parents``: one that is named twice is copied, one that is not named
        is dropped."""
        if list(parents) == list(range(len(self))):
            return
        self._cache.fork(parents)
        self.logits = self.logits[list(parents)]

    def write(self, token_ids: Sequence[int]) -> None:
        """Append one token to every row."""
        self.logits = self._read(torch.tensor(list(token_ids))[:, None])[:, 0]

    def _read(self, ids: Tensor) -> Tensor:
        with inference(self._device):
            logits = self._model.decode(ids.to(self._device), cache=self._cache).float()
        return _numbers(logits).cpu().clone()  # out of inference mode


def _numbers(logits: Tensor) -> Tensor:
    if logits.isnan().any():
        raise ConfigError("the model's logits are not numbers; its weights must be damaged")
    return logits
