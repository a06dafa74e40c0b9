"""Every proposer by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from boldface.detection.either import Either
from boldface.detection.embedding import Embedding
from boldface.detection.evidence import Evidence
from boldface.detection.fitted import Fit, fitted
from boldface.detection.instructions import Instructions
from boldface.detection.kinds import Kinds
from boldface.detection.lexical import Lexical
from boldface.detection.likelihood import Likelihood
from boldface.detection.looking import Attention, Looking
from boldface.detection.names import DEFAULT, check_name, scorers
from boldface.detection.opening import Opening
from boldface.detection.proposer import Proposer, Scorer
from boldface.detection.quoting import Quoting
from boldface.detection.shared import Shared
from boldface.detection.titled import Titled
from boldface.engine.model import Model
from boldface.errors import DetectionError

_ALONE: Mapping[str, Callable[[], Scorer]] = {"bm25": Lexical, "embedding": Embedding}
_ASKING: Mapping[str, Callable[[Model], Scorer]] = {
    "likelihood": Likelihood,
    "quotes": Quoting,
    "attention": Attention,
    "looking": Looking,
}


def find_proposer(name: str, model: Model | None = None) -> Proposer:
    """Return a proposer by name.

    Args:
        name: See :data:`boldface.detection.names.NAMES`.
        model: For those that run the model.

    Raises:
        DetectionError: There is none of that name, or it needs a model.
    """
    check_name(name)
    if name == DEFAULT:
        return Either(find_proposer("evidence"), find_proposer("instructions"))
    if name == "instructions":
        return Instructions(_fit(name))
    return Evidence(name, find_scorers(scorers(name), model), _fit(name))


def find_scorers(names: Sequence[str], model: Model | None = None) -> list[Scorer]:
    """Return scorers by name; those that ask the same scorer share it, and what it has already read.

    Raises:
        DetectionError: One needs a model, and none is given.
    """
    alone = {name: make() for name, make in _ALONE.items()}
    known = {
        **alone,
        "bm25-titled": Titled(alone["bm25"]),
        "kind": Kinds(),
        "opening": Opening(),
        "shared": Shared([*alone.values()]),
    }
    return [known[name] if name in known else _asking(name, model) for name in names]


def _asking(name: str, model: Model | None) -> Scorer:
    if model is None:
        raise DetectionError(
            f"The detector {name!r} asks a language model, and none is given.", "Give one, or name another detector."
        )
    return _ASKING[name](model)


def _fit(name: str) -> Fit:
    if name not in fitted():
        raise DetectionError(
            f"How sure the detector {name!r} is has not been fitted.",
            "Name another one; or fit it with benchmarks/detection.py.",
        )
    return fitted()[name]
