"""The one error type that a user's mistake may raise."""


class UserError(Exception):
    """A mistake that the user can mend: one line that names the file or field, what was expected, and what to do.

    The entrypoint prints the message without a stack trace and exits with code 1.
    """
