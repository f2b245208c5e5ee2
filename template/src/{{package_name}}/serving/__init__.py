"""The model server: the Open Inference Protocol V2 over HTTP."""
