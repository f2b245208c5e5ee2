"""Failures that a person can fix. Each message says what was wrong, what was expected and what to do next."""


class ProjectError(Exception):
    """Base of every expected failure; the command line prints the message and exits with `exit_code`."""

    exit_code = 1
    """What the command line exits with."""


class SettingsError(ProjectError):
    """A setting from the environment or `.env` has a value that cannot be used."""

    exit_code = 2


class VersionError(ProjectError):
    """The library and the repository are of releases that do not fit."""


class DataError(ProjectError):
    """The data cannot be read or must not be trained on."""


class RegistryError(ProjectError):
    """The model registry cannot do what was asked."""


class ModelError(ProjectError):
    """A model's files cannot be read, or must not be loaded."""


class PipelineError(ProjectError):
    """A pipeline step failed."""


class ClusterError(ProjectError):
    """The cluster cannot be reached, or does not take or run what it was given."""


class RolloutError(ProjectError):
    """A release cannot be delivered, or does not serve well."""


class MonitoringError(ProjectError):
    """What a report needs is missing, or cannot be read."""


class UpdateError(ProjectError):
    """The template's release, or other answers, cannot be brought."""


class ServingError(ProjectError):
    """The model server cannot start or did not answer as expected."""


class LibraryError(ProjectError):
    """The library's folder was edited, or a module of it cannot become a project's own."""
