"""Every error boldface raises, as one tree.

::

    BoldfaceError                    carries .hint: what to do about it
    ├── EmphasisError (ValueError)   what a person marked cannot be used
    │   ├── MarkupError              markup that does not close, or cannot be read
    │   ├── SpanError                span out of range, empty, absent or contradicting another
    │   ├── StrengthError            strength, factor or alpha outside its range
    │   ├── ChatError                emphasis that a chat template does not carry with certainty
    │   ├── AlignmentError           characters that cannot be mapped to tokens with certainty
    │   └── DetectionError           a detector that does not exist, or lacks the model that it asks
    ├── HeadError (ValueError)       unknown layer or head, unreadable head list, foreign profile
    ├── NothingSteeredError          emphasis was given and no token or no head would be steered
    ├── ModelError
    │   ├── UnsupportedModelError    this model, or this layer of it, cannot be steered exactly
    │   ├── ModelBusyError           the model is already steered, here or in another thread
    │   ├── PromptMismatchError      the model was given another prompt than the steered one
    │   └── ContextLengthError       prompt and answer do not fit into the model's context
    ├── RouteError                   a route that is not exact (or not available) here
    ├── ProfilingError (ValueError)  a method, strategy or budget that finds no heads
    ├── SweepError (ValueError)      a sweep that makes no sense, or a storage of another one
    ├── PolicyError (ValueError)     a policy of trust that names no source, or gives one no strength
    ├── CheckError (ValueError)      a check of answers that cannot be read, or fails to run
    ├── ServingError                 a request that a server does not take, as it stands or just now
    │   ├── KeyRefusedError          no key, or one that is not on file
    │   ├── LimitError (ValueError)  it asks for more than the server, or its key, allows
    │   │   └── BodyLimitError       its body is larger than the server reads
    │   ├── SlowBodyError            its body did not arrive in time
    │   ├── RequestError (ValueError) it says something that cannot be honoured
    │   │   ├── UnknownModelError    it names a model that is not served
    │   │   └── SamplingError        a way to choose tokens that makes no sense
    │   ├── TimeoutReachedError      its time is up
    │   ├── StoppedError             the server stops
    │   └── QueueFullError           as many requests as may run and wait already do
    ├── CacheError (ValueError)      kept keys and values that are damaged, of another model or too large
    ├── KeyFileError (ValueError)    a file of keys that cannot be read or written
    └── MissingError                 an extra, a model or a data file that is not installed

and the one warning: ``ProfileWarning``, a profile that was made for a variant of the model at hand.
"""

from __future__ import annotations


class BoldfaceError(Exception):
    """Base of all errors of this package.

    Args:
        message: What is wrong, one sentence.
        hint: What to do about it, one sentence.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class EmphasisError(BoldfaceError, ValueError):
    """What a person marked cannot be used."""


class MarkupError(EmphasisError):
    """Markup that does not close, or that cannot be read."""


class SpanError(EmphasisError):
    """A span that is out of range, empty, absent or contradicts another."""


class StrengthError(EmphasisError):
    """A strength, factor or alpha outside its range."""


class ChatError(EmphasisError):
    """Emphasis that a chat template does not carry with certainty."""


class AlignmentError(EmphasisError):
    """Characters that cannot be mapped to tokens with certainty."""


class DetectionError(EmphasisError):
    """A detector that does not exist, or lacks the language model that it asks."""


class HeadError(BoldfaceError, ValueError):
    """An unknown layer or head, an unreadable head list or a foreign profile."""


class NothingSteeredError(BoldfaceError):
    """Emphasis was given, and no token or no head would be steered."""


class ModelError(BoldfaceError):
    """Something about the model stands in the way."""


class UnsupportedModelError(ModelError):
    """This model, or this layer of it, cannot be steered exactly."""


class ModelBusyError(ModelError):
    """The model is already steered, here or in another thread."""


class PromptMismatchError(ModelError):
    """The model was given another prompt than the one that was steered."""


class ContextLengthError(ModelError):
    """Prompt and answer do not fit into the model's context."""


class RouteError(BoldfaceError):
    """A route that is not exact, or not available, here."""


class TaskError(BoldfaceError, ValueError):
    """An unknown task, arm, split or setting, or data that a task cannot read."""


class RecordError(BoldfaceError):
    """A file of records that is damaged, in use, or of another run."""


class ProfilingError(BoldfaceError, ValueError):
    """A method, strategy or budget that finds no heads."""


class SweepError(BoldfaceError, ValueError):
    """A sweep that makes no sense, a storage of another one, or no point that does more good than harm."""


class PolicyError(BoldfaceError, ValueError):
    """A policy of trust that names no source, or gives one no strength."""


class CheckError(BoldfaceError, ValueError):
    """A check of answers that cannot be read, or fails to run."""


class ServingError(BoldfaceError):
    """A request that a server does not take, as it stands or just now."""


class KeyRefusedError(ServingError):
    """A request without a key, or with one that is not on file."""


class LimitError(ServingError, ValueError):
    """A request asks for more than the server, or its key, allows.

    Args:
        message: What is wrong, one sentence.
        hint: What to do about it, one sentence.
        param: The field of the request that asks for it.
    """

    def __init__(self, message: str, hint: str = "", *, param: str | None = None) -> None:
        super().__init__(message, hint)
        self.param = param


class BodyLimitError(LimitError):
    """The body of a request is larger than the server reads."""


class SlowBodyError(ServingError):
    """The body of a request did not arrive in time."""


class RequestError(ServingError, ValueError):
    """A request says something that cannot be honoured.

    Args:
        message: What is wrong, one sentence.
        hint: What to do about it, one sentence.
        param: The field of the request that says it.
        code: A word for programs.
    """

    def __init__(self, message: str, hint: str = "", *, param: str | None = None, code: str = "") -> None:
        super().__init__(message, hint)
        self.param, self.code = param, code


class UnknownModelError(RequestError):
    """A request names a model that is not served."""


class SamplingError(RequestError):
    """A way to choose tokens that makes no sense."""


class TimeoutReachedError(ServingError):
    """The time of a request is up."""


class StoppedError(ServingError):
    """The server stops, and takes no requests any more."""


class QueueFullError(ServingError):
    """As many requests as may run and wait already do.

    Args:
        message: What is wrong, one sentence.
        hint: What to do about it, one sentence.
        retry_after: Seconds after which there may be room.
    """

    def __init__(self, message: str, hint: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class CacheError(BoldfaceError, ValueError):
    """Kept keys and values that are damaged, of another model or too large, or a call that cannot use any."""


class KeyFileError(BoldfaceError, ValueError):
    """A file of keys that cannot be read or written."""


class MissingError(BoldfaceError):
    """An extra, a model or a data file that is not installed."""


class ProfileWarning(UserWarning):
    """A profile is used on a variant of the model that it was made for."""
