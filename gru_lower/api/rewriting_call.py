"""A call that rewrites a model, and gives back the kind of model that was handed in, for type checkers, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from gru_lower.api.public_call import public_call

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    from gru_lower.api.accepted_models import ModelFile, ModelT
    from gru_lower.rewriting.result import Result

P = ParamSpec("P")
A = TypeVar("A")


class RewritingCall(Protocol[P]):
    """A call of a model and options."""

    @overload
    def __call__(self, model: ModelFile, *args: P.args, **kwargs: P.kwargs) -> Result[onnx.ModelProto]: ...
    @overload
    def __call__(self, model: ModelT, *args: P.args, **kwargs: P.kwargs) -> Result[ModelT]: ...


def rewriting_call(
    _options: Callable[P, Any], arguments: Callable[..., A]
) -> Callable[[Callable[[A], Result[Any]]], RewritingCall[P]]:
    """Make a function of declared options a call that takes a model and them as arguments.

    Args:
        _options: The class of the options: what a type checker reads the call's keywords from.
        arguments: The class of the options and the model.

    Returns:
        A decorator, see :func:`gru_lower.api.public_call.public_call`.

    """

    def decorate(function: Callable[[A], Result[Any]]) -> RewritingCall[P]:
        return cast("RewritingCall[P]", public_call(arguments)(function))

    return decorate
