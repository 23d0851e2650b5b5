"""Makes the site understand the docstrings' own headings.

The package writes `Example:` and the lines of the example below it, not indented. The parser of the
site expects `Examples:` and an indented block, and would read `>>>` as three quotations.
"""

import re

import griffe

_EXAMPLE = re.compile(r"^Example:\n(?P<code>(?:(?:>>>|\.\.\.|\S).*\n?)+)", re.MULTILINE)


class OwnHeadings(griffe.Extension):
    """Indents the examples of every docstring."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(_indented, obj.docstring.value)


def _indented(match):
    return "Examples:\n" + "".join(f"    {line}\n" for line in match["code"].splitlines())
