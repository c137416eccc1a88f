"""How much was used when: a bounded row of points that becomes coarser as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalprov.named import NamedTuple

if TYPE_CHECKING:
    from evalprov.record.schema.outcome import ResourceSeries

MOST = 200  # points
_FINEST = 0.05  # seconds; the kernel counts CPU time in hundredths


class UsagePoint(NamedTuple):
    """What was used in one stretch of time."""

    end: float  # seconds since the start
    cpu: float  # seconds
    memory: int  # the most bytes that were seen
    processes: int


class UsageSeries:
    """Takes up looks at the tree as they come."""

    def __init__(self) -> None:
        self._points: list[UsagePoint] = []
        self._cpu = 0.0
        self._stretch = _FINEST

    def add(self, seconds: float, cpu: float, memory: int, processes: int) -> None:
        """Take up one look: when it was, the CPU time of the tree until then, and what is there now."""
        # What has ended and was waited for by us is in no process any more: the whole may fall, use cannot.
        self._take(UsagePoint(seconds, max(0.0, cpu - self._cpu), memory, processes))
        self._cpu = cpu
        while len(self._points) > MOST:
            self._stretch *= 2
            points, self._points = self._points, []
            for point in points:
                self._take(point)

    def _take(self, new: UsagePoint) -> None:
        """Put a point behind the others, or into the last where both end in one stretch."""
        last = self._points[-1] if self._points else None
        if last and last.end // self._stretch == new.end // self._stretch:
            most = (max(last.memory, new.memory), max(last.processes, new.processes))
            self._points[-1] = UsagePoint(new.end, last.cpu + new.cpu, *most)
        else:
            self._points.append(new)

    def facts(self) -> ResourceSeries | None:
        """Return it as the record has it; null where nobody could look."""
        if not self._points:
            return None
        ends = [point.end for point in self._points]
        spans = [end - begin for end, begin in zip(ends, [0.0, *ends], strict=False)]
        return {
            "seconds": [round(end, 3) for end in ends],
            "cpu": [
                round(one.cpu / span, 3) if span > 0 else None for one, span in zip(self._points, spans, strict=True)
            ],
            "memory_bytes": [point.memory for point in self._points],
            "processes": [point.processes for point in self._points],
            "gpu": None,
        }
