"""Configuration in protobuf's text format: people write it, so errors name the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from kzoo.errors import ServingError

Parsed = TypeVar("Parsed", bound=Message)


def read_text_proto(path: Path, message: Parsed) -> Parsed:
    """Fill `message` from a file, and return it.

    Raises:
        ServingError: if the file cannot be read or is no such message; with line and column.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"{path} cannot be read: {error}") from error
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise ServingError(
            f"{path} is no {message.DESCRIPTOR.full_name} in protobuf's text format: {error}"
        ) from error
