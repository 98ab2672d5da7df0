# The native module; its shapes and dtypes stand in the bindings and are checked there at every call.
from typing import Any

def __getattr__(name: str) -> Any: ...
