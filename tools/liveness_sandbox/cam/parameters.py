"""Parameters that several actions of CAM share: documents, names, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..api.errors import ApiError
from .invalid_policy import InvalidPolicy
from .policies import Document

Params = Mapping[str, Any]

MAX_DOCUMENT_CHARACTERS = 6144
MAX_DESCRIPTION_CHARACTERS = 300
NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_MAX_ROWS = 200


def document_of(text: str, parse: Callable[[Any], object]) -> Document:
    """Parse a document and check it with `parse`. Raise ApiError."""
    if len("".join(text.split())) > MAX_DOCUMENT_CHARACTERS:
        raise ApiError(
            "InvalidParameter.PolicyDocumentLengthOverLimit",
            f"PolicyDocument has more than {MAX_DOCUMENT_CHARACTERS} characters.",
        )
    try:
        document: Document = json.loads(text)
        parse(document)
    except (ValueError, RecursionError):
        raise ApiError("InvalidParameter.PolicyDocumentError", "It is not JSON.") from None
    except InvalidPolicy as error:
        raise ApiError("InvalidParameter.PolicyDocumentError", f"{error}.") from None
    return document


def description_of(params: Params, default: str) -> str:
    description = str(params.get("Description", default))
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        raise ApiError(
            "InvalidParameter.DescriptionLengthOverlimit",
            f"Description has more than {MAX_DESCRIPTION_CHARACTERS} characters.",
        )
    return description


def page_of(params: Params, default_rows: int = 20) -> slice:
    """Return the rows of a list that a request asks for."""
    page, rows = params.get("Page", 1), params.get("Rp", default_rows)
    if page < 1 or not 1 <= rows <= _MAX_ROWS:
        raise ApiError(
            "InvalidParameter.ParamError", f"Page must be at least 1, Rp from 1 to {_MAX_ROWS}."
        )
    return slice((page - 1) * rows, page * rows)


def shown_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
