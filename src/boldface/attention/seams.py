"""The seam: put a function of ours in the place of one attention module's own, and take it away again.

Every attention module reads the name of its function from its config. A module to be steered gets a shallow copy of
the config that names ``boldface``; the registered function hands the call to the module's own state. The model's
config, its masks, its other layers and other models are not touched. GPT-J and CodeGen have no such interface; their
``_attn`` method is the seam there.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from boldface.attention.call import Attention

NAME = "boldface"
_STATE = "_boldface"


def _dispatch(module: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
    state: Attention = module.__dict__[_STATE]
    return state(module, *args, **kwargs)


ALL_ATTENTION_FUNCTIONS.register(NAME, _dispatch)


def why_not(module: Any) -> str | None:
    """Return why no function can be put into ``module``, or None."""
    if _has_own_method(module) or getattr(module, "config", None) is not None:
        return None
    return f"{type(module).__name__} has neither a config nor an attention method"


def implementation(module: Any) -> str:
    """Return the name of the module's own attention implementation."""
    return "eager" if _has_own_method(module) else module.config._attn_implementation or "eager"


def base_function(module: Any) -> Attention:
    """Return the module's own attention function, in the shape of transformers' attention interface."""
    if _has_own_method(module):
        return _from_method(module._attn)
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    function: Attention = ALL_ATTENTION_FUNCTIONS.get_interface(implementation(module), eager)
    return function


def kernel_function(module: Any) -> Attention:
    """Return the function that runs widened heads: the module's own, or SDPA where that is eager."""
    sdpa: Attention = ALL_ATTENTION_FUNCTIONS["sdpa"]
    return sdpa if implementation(module) == "eager" else base_function(module)


@contextmanager
def replaced(module: Any, function: Callable[..., tuple[Tensor, Tensor | None]]) -> Iterator[None]:
    """Let ``function`` answer the attention calls of ``module`` until the block ends."""
    undo = replace(module, function)
    try:
        yield
    finally:
        undo()


def replace(module: Any, function: Callable[..., tuple[Tensor, Tensor | None]]) -> Callable[[], None]:
    """Let ``function`` answer the attention calls of ``module``; return what takes it away again."""
    if _has_own_method(module):
        module.__dict__["_attn"] = functools.partial(_as_method, module, function)
        return functools.partial(module.__dict__.pop, "_attn", None)
    original = module.config
    # The setter of _attn_implementation would reach into shared sub-configs.
    substitute = copy.copy(original)
    substitute._attn_implementation_internal = NAME
    module.config = substitute
    module.__dict__[_STATE] = function

    def undo() -> None:
        module.config = original
        module.__dict__.pop(_STATE, None)

    return undo


def _has_own_method(module: Any) -> bool:
    method = getattr(type(module), "_attn", None)
    return (
        method is not None
        and {"query", "key", "value", "attention_mask"} <= inspect.signature(method).parameters.keys()
    )


def _from_method(method: Callable[..., tuple[Tensor, Tensor]]) -> Attention:
    def attention(
        module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **_: Any
    ) -> tuple[Tensor, Tensor]:
        output, weights = method(query, key, value, mask)
        return output.transpose(1, 2), weights

    return attention


def _as_method(
    module: Any,
    function: Attention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    # These models score in float32 whatever their weights are.
    wide = (tensor.float() for tensor in (query, key, value))
    if attention_mask is not None and attention_mask.is_floating_point():
        attention_mask = attention_mask.float()
    scaling = float(1.0 / module.scale_attn)
    output, weights = function(module, *wide, attention_mask, scaling=scaling, dropout=module.attn_dropout.p)
    return output.transpose(1, 2).to(value.dtype), weights
