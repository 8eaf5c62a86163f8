"""Raw trace: the parts of a trace as a record holds them."""

from __future__ import annotations

from typing import Any, Protocol


class RawTrace(Protocol):
    """The parts of one trace as a record holds them; None where a part is absent."""

    @property
    def text(self) -> Any:
        """Return what the teacher was asked."""
        ...

    @property
    def label(self) -> Any:
        """Return what the teacher answered."""
        ...

    @property
    def id(self) -> Any:
        """Return the event's id."""
        ...

    @property
    def time(self) -> float | None:
        """Return seconds since 1970 UTC; NaN for a time that is not understood."""
        ...

    @property
    def truth(self) -> Any:
        """Return a human's label."""
        ...

    @property
    def group(self) -> Any:
        """Return the key of the grouped split."""
        ...

    @property
    def model(self) -> Any:
        """Return the teacher's model."""
        ...

    @property
    def version(self) -> Any:
        """Return the version of the teacher's prompt."""
        ...

    @property
    def vector(self) -> Any:
        """Return the vector."""
        ...

    @property
    def unanswered(self) -> str:
        """Return why the answer is no label, whatever it is; empty where it may be one."""
        ...

    @property
    def reason(self) -> str:
        """Return why there is no trace, empty for a trace: see ``REASONS`` of the accounting."""
        ...

    @property
    def detail(self) -> str:
        """Return more about the reason."""
        ...

    @property
    def unlabelled(self) -> str:
        """Return why there is no teacher's label, where that is no fault; empty where there may be one."""
        ...

    @property
    def certify(self) -> bool | None:
        """Return whether chance alone chose the request for the teacher; None where the format does not say."""
        ...

    @property
    def rate(self) -> Any:
        """Return how often chance chooses; None where it always does."""
        ...

    @property
    def deferred(self) -> bool:
        """Return whether the teacher would have been asked whatever chance said."""
        ...

    @property
    def instructions(self) -> Any:
        """Return the system's prompt; None where there is none, or the format does not say."""
        ...

    @property
    def wanted(self) -> bool:
        """Return whether ``split.certify_where`` holds."""
        ...
