"""A diagnosis as JSON values."""

from __future__ import annotations

from typing import Any

from boldface.insight.diagnosis.diagnose import Diagnosis
from boldface.insight.diagnosis.pasting import arguments, command
from boldface.insight.diagnosis.reruns import Rerun


def report(diagnosis: Diagnosis, model: str) -> dict[str, Any]:
    """Return causes, reason, the repair as a command and as arguments of ``generate``, and every rerun.

    Args:
        diagnosis: The diagnosis.
        model: What the model is called on the command line.
    """
    repair = diagnosis.repair
    return {
        "causes": list(diagnosis.causes),
        "certain": diagnosis.certain,
        "reason": diagnosis.reason,
        "repair": repair
        and {
            "changes": [change.says for change in repair.changes],
            "command": command(repair.setting, model),
            "arguments": arguments(repair.setting),
        },
        "facts": list(diagnosis.facts),
        "reruns": [_rerun(rerun) for rerun in diagnosis.reruns],
    }


def _rerun(rerun: Rerun) -> dict[str, Any]:
    return {
        "changes": [{"cause": change.cause, "says": change.says} for change in rerun.changes],
        "passed": rerun.passed,
        "answers": [
            {"text": text, "passed": verdict.passed, "why": verdict.why}
            for text, verdict in zip(rerun.answers, rerun.verdicts, strict=True)
        ],
        "ended": rerun.ended,
    } | ({"error": rerun.error} if rerun.error else {})
