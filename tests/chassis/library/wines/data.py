"""Where the rows come from."""

from ml_chassis.data import read_rows as load

__all__ = ["load"]
