"""How templates become pages, here and in :mod:`blues.report`."""

from __future__ import annotations

import jinja2

__all__ = ["environment"]


def environment(package: str, folder: str) -> jinja2.Environment:
    """Return an environment of a package's templates: all text is escaped, and a name that is not given is an error.

    Parameters
    ----------
    package, folder : str
        Where the templates lie.

    Examples
    --------
    >>> environment("blues.agree", "").from_string("{{ name }}").render(name="<b>")
    '&lt;b&gt;'
    """
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
