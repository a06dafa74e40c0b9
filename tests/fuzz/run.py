"""Fuzz the readers, guided by coverage: ``python tests/fuzz/run.py [TEST] [-max_total_time=60 …]``.

Needs ``pip install atheris`` (Linux, CPython 3.11 to 3.13). What follows the test's name are options of libFuzzer. A
failure is printed with the input that made it, which is kept in ``build/fuzz``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import atheris

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "fuzz"
FUZZED = ["boldface.emphasis", "boldface.server.bodies", "boldface.server.faults", "boldface.server.neutral"]
DEFAULT = "test_markup_is_read_or_refused"


def load() -> ModuleType:
    """Import the tests, with what they test counted branch by branch."""
    with atheris.instrument_imports(include=FUZZED):
        spec = importlib.util.spec_from_file_location("test_readers", HERE / "test_readers.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def main() -> None:
    """Fuzz one test."""
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    test = getattr(load(), named[0] if named else DEFAULT)
    corpus = BUILD / test.__name__
    corpus.mkdir(parents=True, exist_ok=True)
    words = [sys.argv[0], str(corpus), f"-artifact_prefix={BUILD}/", "-max_len=4096", "-len_control=0", *options]
    atheris.Setup(words, test.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
