"""Dense search: exact inner product for small stores, inverted lists for large ones.

Legend: N chunks, D dimensions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
FILE = "dense.faiss"
EXACT_BELOW = 20_000  # exact search takes about 4 ms at 10,000 x 384 on one core, and no recall is lost
_PROBE_SHARE = 16


def write_dense(folder: Path, vectors_ND: Vector, *, exact_below: int = EXACT_BELOW) -> None:
    import faiss

    count, dimensions = vectors_ND.shape
    index: Any = faiss.IndexFlatIP(dimensions)  # Any: faiss is not typed
    if count >= exact_below:
        cells = max(1, int(4 * count**0.5))
        index = faiss.IndexIVFFlat(index, dimensions, cells, faiss.METRIC_INNER_PRODUCT)
        # Sixty-four points a cell place the centres well enough; training on all of a million would take minutes.
        sample = np.random.default_rng(0).permutation(count)[: cells * 64]
        index.train(vectors_ND[np.sort(sample)])
        index.nprobe = max(8, cells // _PROBE_SHARE)
    if count:
        index.add(vectors_ND)
    faiss.write_index(index, str(folder / FILE))


class DenseIndex:
    """Read-only; faiss searches one index from several threads at once."""

    def __init__(self, folder: Path) -> None:
        import faiss

        self._index: Any = faiss.read_index(str(folder / FILE))  # Any: faiss is not typed
        if isinstance(self._index, faiss.IndexIVF):
            self._index.make_direct_map()

    @property
    def size(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimensions(self) -> int:
        return int(self._index.d)

    def nearest(self, vector_D: Vector, *, count: int) -> list[tuple[int, float]]:
        """Rows and cosines of the nearest chunks, nearest first."""
        if not self.size:
            return []
        cosines, rows = self._index.search(vector_D.reshape(1, -1), min(count, self.size))
        return [(int(row), float(cosine)) for row, cosine in zip(rows[0], cosines[0], strict=True) if row >= 0]

    def cosine(self, row: int, vector_D: Vector) -> float:
        return float(self._index.reconstruct(row) @ vector_D)

    def vectors(self) -> Vector:
        if not self.size:
            return np.zeros((0, self.dimensions), np.float32)
        return np.asarray(self._index.reconstruct_n(0, self.size), dtype=np.float32)
