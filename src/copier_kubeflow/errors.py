"""What goes wrong, told in a sentence."""


class FleetError(Exception):
    """Something cannot be read; the message says what, and what to do."""


def in_a_sentence(error: Exception) -> str:
    """Return an error's first line, with its type where it is none of ours."""
    first = (str(error).splitlines() or [""])[0]
    return first if isinstance(error, FleetError) else f"{type(error).__name__}: {first}"
