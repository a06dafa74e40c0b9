"""What the server should answer: every chat alone, by the library, with how sure the model was of every token.

A greedy answer may differ from the one it has alone in one way only: at a step where the two best tokens are so close
that the order of additions decides. How close that is, is measured here too: the same rows in one padded batch, and by
how much their logits differ from those of each row alone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import boldface
from boldface.engine.prompts import pad_id
from boldface.engine.steer import Prepared, prepare


@dataclass(frozen=True)
class Expected:
    """The answer to one chat.

    Attributes:
        pieces: Its text by tokens.
        gaps: By how much the best logit was above the second at every step.
    """

    pieces: tuple[str, ...]
    gaps: tuple[float, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)

    def close_calls(self, tolerance: float) -> int:
        """Count the steps that might have gone the other way."""
        return sum(gap <= tolerance for gap in self.gaps)

    def allows(self, answer: str, tolerance: float) -> bool:
        """Tell whether an answer is this one, or leaves it at a step that might have gone the other way."""
        if answer == self.text:
            return True
        said = ""
        for piece, gap in zip(self.pieces, self.gaps, strict=True):
            if gap <= tolerance and answer.startswith(said):
                return True
            said += piece
        return False


@dataclass(frozen=True)
class Oracle:
    """The answers, and the tolerance in logits."""

    answers: tuple[Expected, ...]
    tolerance: float

    @classmethod
    def read(cls, path: Path) -> Oracle:
        """Read what :func:`main` wrote."""
        page = json.loads(path.read_text("utf-8"))
        answers = tuple(Expected(tuple(one["pieces"]), tuple(one["gaps"])) for one in page["answers"])
        return cls(answers, page["tolerance"])


def expect(
    model: boldface.Model, messages: Sequence[dict[str, Any]], tokens: int, profile: str | None
) -> tuple[Expected, list[int]]:
    """Answer one chat greedily and alone."""
    prepared = prepare(model.model, model.tokenizer, [messages], chat=True, heads=profile, room=tokens)
    return greedy(model, prepared, tokens)


def greedy(model: boldface.Model, prepared: Prepared, tokens: int) -> tuple[Expected, list[int]]:
    """Answer a prepared prompt greedily; also its tokens."""
    with model.running(prepared):
        run: Any = model.model.generate
        found = run(
            **prepared.inputs,
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=pad_id(model.tokenizer),
            output_logits=True,
            return_dict_in_generate=True,
        )
    ids = found.sequences[0, prepared.rows.ids.shape[1] :].tolist()
    best = [logits[0].float().topk(2).values for logits in found.logits]
    gaps = tuple(float(one - two) for one, two in best)
    decode = model.tokenizer.decode
    texts = ["", *(decode(ids[: end + 1], skip_special_tokens=True) for end in range(len(ids)))]
    whole = [text.rstrip("\N{REPLACEMENT CHARACTER}") for text in texts]  # half a letter waits for its other half
    whole[-1] = texts[-1]
    pieces = tuple(after[len(before) :] for before, after in pairwise(whole))
    return Expected(pieces, gaps), ids


def tolerance(model: boldface.Model, chats: Sequence[Sequence[dict[str, Any]]], answers: Sequence[list[int]]) -> float:
    """Return twice the largest difference between the plain logits of rows alone and in one padded batch."""
    prepared = prepare(model.model, model.tokenizer, [_plain(chat) for chat in chats], chat=True)
    rows = [[*prompt.ids, *answer] for prompt, answer in zip(prepared.rows.prompts, answers, strict=True)]
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id(model.tokenizer))
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, width - len(tokens) :], mask[row, width - len(tokens) :] = torch.tensor(tokens), 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    most = 0.0
    with torch.no_grad():
        together = model.model(ids, attention_mask=mask, position_ids=positions).logits
        for row, (tokens, answer) in enumerate(zip(rows, answers, strict=True)):
            alone = model.model(torch.tensor([tokens]), logits_to_keep=len(answer)).logits[0]
            most = max(most, float((together[row, -len(answer) :] - alone).abs().max()))
    return 2 * most


def _plain(chat: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    def bare(message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part["text"] for part in content)
        return {"role": message["role"], "content": text}

    return [bare(message) for message in chat]


def main() -> None:
    """Read chats, model and the length of the answers from standard input; write the oracle to the named file."""
    asked = json.loads(sys.stdin.read())
    torch.set_num_threads(asked["threads"])
    options = {"dtype": getattr(torch, asked["dtype"])} if asked["dtype"] else {}
    model = boldface.load(asked["model"], **options)
    found = [expect(model, chat, asked["tokens"], asked["profile"]) for chat in asked["chats"]]
    answers, ids = zip(*found, strict=True)
    page = {"answers": [asdict(answer) for answer in answers], "tolerance": tolerance(model, asked["chats"], ids)}
    Path(sys.argv[1]).write_text(json.dumps(page), "utf-8")


if __name__ == "__main__":
    main()
