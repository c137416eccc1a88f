"""What evalprov says when it cannot go on."""

CANNOT_START = 125  # what evalprov exits with when it could not start the command


class EvalprovError(Exception):
    """A failure a person can act on: what happened, what to do next, and the exit code it ends with."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UsageError(EvalprovError):
    """The command line itself is wrong; nothing was tried."""


class UnreadableError(EvalprovError):
    """There is such a record, and nothing can be made of it."""


def local_only() -> UsageError:
    """Return the error that says that a shared store is not recorded in."""
    return UsageError(
        "records are written into a folder first, never into a shared store",
        "leave --store away, or name a folder; then `evalprov push URL` sends them, and --store URL reads them",
    )
