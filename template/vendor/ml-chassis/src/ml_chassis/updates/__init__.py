"""Follows the template: brings its later releases, or other answers, as one commit on a branch.

It runs beside Copier alone, without the libraries that models need: its modules import Python's own, and Copier's.
"""
