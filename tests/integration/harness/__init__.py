"""What the integration tests stand on: a scene with a database of its own, relays on it, and what came of it."""

from .own_postgres import WITHOUT_FSYNC, OwnPostgres, own_postgres, postgres_with
from .role import make_publications_for_role, make_role, role_url
from .scene import Scene
from .versions import HAS_ROOTS, POSTGRES_MAJOR, before, in_pieces, since, with_roots, with_server_programs

__all__ = ["HAS_ROOTS", "OwnPostgres", "POSTGRES_MAJOR", "Scene", "WITHOUT_FSYNC", "before", "in_pieces",
           "make_publications_for_role", "make_role", "own_postgres", "postgres_with", "role_url", "since", "with_roots",
           "with_server_programs"]
