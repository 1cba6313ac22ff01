"""What is raised where the algebra cannot express a value."""


class TooLargeError(Exception):
    """A polynomial would have more terms or a higher degree than anything a GRU computes."""


class NotUnderstoodError(Exception):
    """An operator does something that the algebra cannot express; its outputs become leaves."""


class UnknownNumberError(NotUnderstoodError, ValueError):
    """A whole number that is needed, such as the size of a dynamic dim, is not known, or there is none."""


READING_FAILS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError),
)
"""What a reader raises that meets a node its operator's rules do not allow, such as an axis beyond the rank."""
