"""A vocabulary as stretches of ids, for the picture of its layout."""

from __future__ import annotations

from dataclasses import dataclass

from pix2seq.tokenizer import Tokenizer


@dataclass(frozen=True)
class Stretch:
    """Neighbouring ids of one kind.

    Attributes:
        kind: as in ``TokenInfo``: ``coord``, ``class``, ``noise``, ``eos``, ``bos``, ``pad``,
            ``other``.
        first: the lowest id.
        count: how many ids.
        text: what they mean, for people.
    """

    kind: str
    first: int
    count: int
    text: str


_MEANING = {
    "noise": "noise, the class of no object",
    "eos": "EOS, the end of the sentence",
    "bos": "the prompt: detect objects",
    "pad": "padding behind the end",
    "other": "not used for detection",
}


def vocabulary_stretches(tokenizer: Tokenizer) -> list[Stretch]:
    """All ids of a vocabulary, lowest first, without a gap."""
    kinds = [tokenizer.describe(token_id).kind for token_id in range(tokenizer.vocab_size)]
    found: list[Stretch] = []
    first = 0
    for after in range(1, len(kinds) + 1):
        if after == len(kinds) or kinds[after] != kinds[first]:
            text = _text(tokenizer, kinds[first], after - first)
            found.append(Stretch(kinds[first], first, after - first, text))
            first = after
    return found


def _text(tokenizer: Tokenizer, kind: str, count: int) -> str:
    if kind == "coord":
        return f"{count} coordinate bins, shared by x and y"
    if kind == "class":
        named = len(tokenizer.categories.named_labels())
        unnamed = f" (and {count - named} ids without one)" if count > named else ""
        return f"{named} class names{unnamed}"
    if kind == "eos" and tokenizer.eos_id == tokenizer.pad_id:
        return "EOS and padding, one id for both"
    return _MEANING[kind]
