"""The model server's parts: the Open Inference Protocol V2 over HTTP."""

from ml_chassis import within

__path__ = within("serving")
