"""What the soak of vLLM asks, and what the answers must be: every prompt alone, by the library, on transformers.

Run by ``vllm_soak.py`` in a process of its own: reads what it shall do from standard input, writes to the named file.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from chats import CHATS
from oracle import Expected, greedy, tolerance

import boldface
from boldface.engine.steer import prepare
from boldface.vllm import wire

MANNERS: tuple[dict[str, Any], ...] = (
    {},
    {"scope": "answer"},
    {"rule": "flat"},
    {"strength": 1.0},
    {"strength": -1.5},
    {"heads": "L4H2, L9H1=-0.7, L20H5=0.4"},
    {"heads": "L0H0=0.5, L29H8=1.5", "scope": "answer"},
)
"""Ways to steer; chats take turns. All heads of the profile, or few, some of them turned away from the emphasis."""


@dataclass(frozen=True)
class Question:
    """A prompt and its answer.

    Attributes:
        ids: Tokens of the prompt.
        steering: The text that a request says, or None for a plain one.
        expected: The answer.
    """

    ids: tuple[int, ...]
    steering: str | None
    expected: Expected

    def body(self, tokens: int) -> dict[str, Any]:
        """Return the request for a greedy answer."""
        said = {"vllm_xargs": {wire.KEY: self.steering}} if self.steering else {}
        return {"prompt": list(self.ids), "max_tokens": tokens, "temperature": 0, **said}


def read(path: Path) -> tuple[list[Question], float, str]:
    """Return the questions, how close two logits must be for either token to be right, and the model's folder."""
    page = json.loads(path.read_text("utf-8"))
    questions = [
        Question(tuple(one["ids"]), one["steering"], Expected(tuple(one["pieces"]), tuple(one["gaps"])))
        for one in page["questions"]
    ]
    return questions, page["tolerance"], page["place"]


def main() -> None:
    """Answer everything, and write it down."""
    asked = json.loads(sys.stdin.read())
    torch.set_num_threads(asked["threads"])
    model = boldface.load(asked["model"])
    questions, answers, chats = [], [], [CHATS[number] for number in asked["chats"]]
    for number, chat in enumerate(chats):
        manner = MANNERS[number % len(MANNERS)]
        prepared = prepare(
            model.model, model.tokenizer, [chat.oracle], chat=True, room=asked["tokens"], **{"heads": None, **manner}
        )
        expected, ids = greedy(model, prepared, asked["tokens"])
        (steering,) = prepared.steerings
        questions.append(
            {
                "ids": prepared.rows.prompts[0].ids,
                "steering": None if steering.is_null else wire.write(steering),
                "pieces": expected.pieces,
                "gaps": expected.gaps,
            }
        )
        answers.append(ids)
    assert model.origin is not None
    page = {
        "place": model.origin.place,
        "questions": questions,
        "tolerance": tolerance(model, [chat.oracle for chat in chats], answers),
    }
    Path(sys.argv[1]).write_text(json.dumps(page), "utf-8")


if __name__ == "__main__":
    main()
