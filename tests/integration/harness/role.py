"""The role of a relay that is no superuser; it has the scene's name, and goes with it."""

from .scene import Scene


def make_role(scene: Scene, attributes: str) -> None:
    scene.execute(f"CREATE ROLE {scene.name} LOGIN PASSWORD 'role-secret' {attributes}")


def role_url(scene: Scene) -> str:
    return scene.url(user=scene.name, password="role-secret")


def make_publications_for_role(scene: Scene) -> None:
    """As docs/operations.md has it: a superuser makes the pair, the role gets what keeping it takes."""
    scene.execute(f"""
        GRANT USAGE ON SCHEMA public TO {scene.name};
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO {scene.name};
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {scene.name};
        CREATE PUBLICATION {scene.slot} FOR TABLE ONLY public.test, ONLY public.bw_marker
          WITH (publish_via_partition_root = true);
        CREATE PUBLICATION {scene.slot}_inserts FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true);
        ALTER PUBLICATION {scene.slot} OWNER TO {scene.name}""")
