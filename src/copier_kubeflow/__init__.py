"""Looks after the repositories that this template generated."""
