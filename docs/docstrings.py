"""Makes the site understand the docstrings' own form.

The package writes `Example:` and the lines of the example below it, not indented. The parser of the
site expects `Examples:` and an indented block, and would read `>>>` as three quotations. It also
expects a type in front of what is returned, and would show shapes and references as boxes.
"""

import re
import textwrap

import griffe

_EXAMPLE = re.compile(r"^Example:\n(>>>(?:.+\n?)+)", re.MULTILINE)
_OTHER_EXAMPLE = re.compile(r"^Example:\n(?=```)", re.MULTILINE)
_SECTION = re.compile(
    r"^(Returns|Yields|Input shape|Output shape|Reference):\n((?:    .*\n?|\n)+)", re.MULTILINE
)


class OwnForm(griffe.Extension):
    """Rewrites the docstring of every object."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            text = _EXAMPLE.sub(_indented, obj.docstring.value)
            text = _OTHER_EXAMPLE.sub("**Examples:**\n\n", text)
            obj.docstring.value = _SECTION.sub(_as_text, text)


def _indented(match):
    return f"Examples:\n{textwrap.indent(match[1], '    ')}"


def _as_text(match):
    return f"**{match[1]}:**\n\n{textwrap.dedent(match[2])}"
