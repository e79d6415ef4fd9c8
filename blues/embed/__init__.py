"""Clips to embeddings: cached, resumable, parallel.

``python -m blues.embed FOLDER --encoder NAME --out FOLDER`` does it from the command line. Finished clips are kept in
``BLUES_CACHE`` (default ``~/.cache/blues``), which may be deleted at any time.
"""

from blues.embed.command import main
from blues.embed.pipeline import embed
from blues.embed.record import Embeddings

__all__ = ["Embeddings", "embed", "main"]
