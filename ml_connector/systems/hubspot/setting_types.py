"""What the blocks of a HubSpot target's settings have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

_PROPERTY = re.compile(r"[a-z][a-z0-9_]{0,99}")


def property_name(name: str) -> str:
    """The internal name of a property (HubSpot reference, section 8). Raises ValueError."""
    if not _PROPERTY.fullmatch(name):
        raise ValueError("expected the internal name of a property: small letters, digits and underscores")
    return name


Property = Annotated[str, AfterValidator(property_name)]


class Block(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
