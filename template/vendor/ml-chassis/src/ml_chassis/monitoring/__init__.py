"""What is watched while the model serves: its data, its drift and its accuracy."""

from ml_chassis import within

__path__ = within("monitoring")
