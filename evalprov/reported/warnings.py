"""What a person should know about the reports, each thing said once, and how much may be kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.numbers import and_more

if TYPE_CHECKING:
    from collections.abc import Hashable

TOPICS = 40  # a message for each of a million odd names would help nobody


class Notes:
    """Warnings by topic: the first of each is kept, the others are counted."""

    def __init__(self) -> None:
        self._texts: dict[Hashable, str] = {}
        self._more: dict[Hashable, int] = {}
        self._left_out = 0

    def add(self, topic: Hashable, text: str) -> None:
        """Note it, or count it where the topic was noted before."""
        if topic in self._texts:
            self._more[topic] = self._more.get(topic, 0) + 1
        elif len(self._texts) < TOPICS:
            self._texts[topic] = text
        else:
            self._left_out += 1

    def put(self, topic: Hashable, text: str) -> None:
        """Note it in place of what was noted before on the topic."""
        if topic in self._texts or len(self._texts) < TOPICS:
            self._texts[topic] = text

    def texts(self) -> list[str]:
        """Return the warnings in the order they came."""
        told = [
            " ".join([text, *(f"({words} like it)" for words in and_more(self._more.get(topic, 0)))])
            for topic, text in self._texts.items()
        ]
        if self._left_out:
            told.append(f"{self._left_out} further remarks on what the eval reported were left out")
        return told


class Budget:
    """How much of what is reported is kept, so that memory stays bounded whatever is printed."""

    def __init__(self, values: int = 8_000_000, text: int = 256 << 20) -> None:
        self.values = values
        self.text = text

    def take(self, text: int, values: int = 0) -> bool:
        """Set aside room, and say whether there was any."""
        if text > self.text or values > self.values:
            return False
        self.text -= text
        self.values -= values
        return True
