from __future__ import annotations

import inspect
import re

from vidgan import errors


def test_the_docstring_names_every_error_with_its_exit_code():
    written = dict(re.findall(r"(\w+Error|Interrupted)\s+(\d+)", errors.__doc__))
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    assert written == {name: str(cls.exit_code) for name, cls in classes.items()}
    assert all(issubclass(cls, errors.VidganError) for cls in classes.values())
