"""Which images a run works on: those that have no description, and that no other run works on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from steeldefectx.store.leases import IMAGE, Holder, Leases
from steeldefectx.store.schema import AnnotatedImage


class ImageQueue:
    """Images without a description, taken a few at a time, so that two runs on one store share them.

    Args:
        images: Those without a description.
        leases: What this run has taken of the store.
    """

    def __init__(self, images: Sequence[AnnotatedImage], leases: Leases):
        self.store = leases.store
        self.leases = leases
        self.own_batches: set[str] = set()
        """File ids of the batches whose answers this run fetches."""
        self._waiting = deque(images)
        self._look_was_worth_it = True
        self._elsewhere: list[AnnotatedImage] = []
        """Those that another run works on."""
        self._attempts = {failure.image_id: failure.attempts for failure in self.store.failures()}
        """Before this run: whose image has failed since was asked about by now."""

    def __len__(self) -> int:
        """Images that this run has not taken, and may still get."""
        return len(self._waiting) + len(self._elsewhere)

    def take(self, count: int) -> list[AnnotatedImage]:
        """Some images, at most so many; none where all that are left are with other runs.

        Raises:
            LostLeaseError: Other runs have taken this one for dead.
        """
        while self._waiting or self._look_again():
            some = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            taken = self.leases.take(IMAGE, [image.image_id for image in some])
            in_batches = self._in_batches()
            settled = self.store.annotated(taken) | (taken & self._failed_since())
            self.leases.release(IMAGE, taken & (settled | in_batches))
            self._elsewhere += [image for image in some if image.image_id not in taken or image.image_id in in_batches]
            mine = [image for image in some if image.image_id in taken - settled - in_batches]
            if mine:
                self._look_was_worth_it = True
                return mine
        return []

    def done(self, image_id: str) -> None:
        """Say that this run is done with an image."""
        self.leases.release(IMAGE, [image_id])

    def holders(self) -> list[Holder]:
        """The runs that work on the images that this one did not get."""
        return self.leases.holders(IMAGE, [image.image_id for image in self._elsewhere])

    def _look_again(self) -> bool:
        """Go through what was elsewhere once more, unless that has just given nothing: another run may have ended."""
        if not self._look_was_worth_it:
            return False
        self._waiting, self._elsewhere, self._look_was_worth_it = deque(self._elsewhere), [], False
        return bool(self._waiting)

    def _failed_since(self) -> set[str]:
        failures = self.store.failures()
        return {f.image_id for f in failures if f.attempts > self._attempts.get(f.image_id, 0)}

    def _in_batches(self) -> set[str]:
        """Images that are asked about by batches, whose run may have been killed since."""
        batches = [batch for batch in self.store.batches() if batch.file_id not in self.own_batches]
        return {request["image_id"] for batch in batches for request in batch.requests}
