"""Errors a user can mend, told apart by who mends them.

Every message says what was wrong, where, and what to do. The command-line programs print the message
alone and exit with code 2; ``--debug`` shows the traceback.
"""


class SteelDefectXError(Exception):
    """Base of all errors raised on purpose by this package."""


class DataError(SteelDefectXError):
    """Images, masks, folders or texts are not what they should be."""


class DriveGoneError(DataError):
    """A drive cannot be read any more: no single file is to blame, and none may be left out for it."""


class AnnotationError(SteelDefectXError):
    """A description could not be generated, parsed or stored."""


class ModelError(SteelDefectXError):
    """A model or checkpoint cannot be loaded or does not fit."""


class ConfigError(SteelDefectXError):
    """A flag, recipe or combination of settings makes no sense."""
