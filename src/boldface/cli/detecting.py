"""``--auto`` at work: what is detected in a prompt, told on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boldface.cli.prompt import Messages
from boldface.detection.names import DEFAULT, check_name
from boldface.emphasis.span import EmphasisedText

if TYPE_CHECKING:
    from boldface.detection.detect import Detected
    from boldface.engine.model import Model

_WORDS = 60


def wanted(auto: bool, detector: str | None) -> str | None:
    """Return the detector that is asked for; None for none.

    Raises:
        DetectionError: There is none of that name.
    """
    if not auto and detector is None:
        return None
    check_name(detector or DEFAULT)
    return detector or DEFAULT


def detect(model: Model, prompt: EmphasisedText | Messages, detector: str, *, quiet: bool) -> Detected:
    """Detect what of a prompt to emphasise, and say what was found.

    Args:
        model: For detectors that ask it.
        prompt: The prompt; what is marked in it stays.
        detector: Name of the detector.
        quiet: Say nothing.

    Raises:
        BoldfaceError: There is no such detector, something of it is not installed, or the prompt cannot be read.
    """
    from boldface.cli import terminal
    from boldface.detection.detect import detect as detect_in

    with terminal.waiting("detecting …"):
        detected = detect_in(prompt, detector, model=model)
    if quiet:
        return detected
    for found in detected.found:
        sure = f"{100 * found.proposal.confidence:.0f} %"
        terminal.note(f"Detected {_short(found.text)!r} ({sure}: {found.proposal.reason}).")
    if not detected.found:
        terminal.note("Nothing was detected.")
    for source, count in detected.unread.items():
        terminal.note(f"Not looked at: {count} characters of {source} text, which may not be emphasised.")
    return detected


def _short(words: str) -> str:
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1]}…"
