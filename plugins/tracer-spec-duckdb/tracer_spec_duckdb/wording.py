"""DuckDB's errors in words that hold no secret, no folder of this machine, and nothing of a row."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import duckdb

# what is wrong with the query itself, known before any row is read
_OF_THE_QUERY = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.PermissionException)
_PASSWORD = re.compile(r"password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


@dataclass(slots=True)
class Wording:
    """Says what DuckDB said.

    Parameters
    ----------
    public : str
        What the spec itself says: quoted words of it may be repeated.
    folder : str
        Left out of paths.
    """

    public: str
    folder: str
    _hidden: dict[str, str] = field(default_factory=dict)

    def hide(self, value: str, variable: str) -> None:
        """Let no message hold the value of a variable, or a password inside it."""
        self._hidden[value] = f"${variable}"
        found = {each.strip("'") for each in _PASSWORD.findall(value)}
        with contextlib.suppress(ValueError):
            found.add(urlsplit(value).password or "")
        for each in found - {""}:
            self._hidden[each] = self._hidden[unquote(each)] = "***"

    def of(self, error: BaseException) -> str:
        """Return what an error says, on one line."""
        said = str(error).split("\n\nLINE ")[0]
        for value in sorted(self._hidden, key=len, reverse=True):
            if value:
                said = said.replace(value, self._hidden[value])
        said = said.replace(self.folder.rstrip("/") + "/", "").replace("./", "")
        if not isinstance(error, _OF_THE_QUERY):
            said = re.sub(r"(['\"])(.*?)\1", self._kept, said.partition("\n")[0])
        return " ".join(said.split())[:400]

    def _kept(self, found: re.Match[str]) -> str:
        """Keep a quoted word that the spec holds: any other may be a part of a row."""
        word = found[2]
        return found[0] if word in self.public or word.startswith("$") else f"{found[1]}...{found[1]}"
