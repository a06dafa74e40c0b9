"""What is refused before vLLM starts: an engine that would not steer, and options that are not for it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

import boldface
from boldface.engine.vllm_start import check_options, check_plugin
from boldface.errors import BoldfaceError, MissingError, ModelError

ABSENT = find_spec("vllm") is None


@pytest.mark.skipif(not ABSENT, reason="vLLM is installed here")
def test_without_vllm_the_error_says_what_to_install() -> None:
    """And no model is read before."""
    with pytest.raises(MissingError, match=r"boldface\[vllm\]"):
        boldface.load("there/is-no-such-model", engine="vllm")


@pytest.mark.vllm
@pytest.mark.parametrize("named", ["", "another", "another,boldfaces"])
def test_a_list_of_plugins_without_ours_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """VLLM would load the others, and would not steer."""
    check_plugin()
    monkeypatch.setenv("VLLM_PLUGINS", named)
    with pytest.raises(MissingError, match="VLLM_PLUGINS"):
        check_plugin()
    monkeypatch.setenv("VLLM_PLUGINS", f"{named}, boldface")
    check_plugin()


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"max_num_seqs": 3}, "slots says it"), ({"no_such": 1}, "no engine argument"), ({"dtype": "half"}, "dtype")],
)
def test_options_are_checked_by_name(options: dict[str, object], reason: str) -> None:
    """Those that are said elsewhere, and those that do not exist."""
    with pytest.raises(BoldfaceError, match=reason):
        check_options(options, {"max_num_seqs", "dtype", "max_model_len"})
    check_options({"max_model_len": 9}, {"max_model_len"})


def test_transformers_takes_no_options(wide_folder) -> None:
    """They would be ignored."""
    with pytest.raises(ModelError, match="no options"):
        boldface.load(str(wide_folder), engine_options={"max_model_len": 9})
