"""The model server's parts: the Open Inference Protocol V2 over HTTP."""
