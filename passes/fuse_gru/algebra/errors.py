"""What is raised where the algebra cannot express a value."""


class TooLargeError(Exception):
    """A polynomial would have more terms or a higher degree than anything a GRU computes."""


class NotUnderstoodError(Exception):
    """An operator does something that the algebra cannot express; its outputs become leaves."""
