"""Jobs side by side, as a notebook shows them."""

from __future__ import annotations

from epochal import types


class Comparison(types.Comparison):
    """Jobs side by side, in the order in which they were asked for."""

    def _repr_html_(self) -> str:
        from epochal.notebook import comparison_html

        return comparison_html(self)
