"""The drift scenario's tables, and the log of their changes, which triggers keep in a table that is not captured.

Every table of the workload is named d_<number>, in schema `public` or `side`, and has the columns of COLUMNS, which stay,
beside others, which come and go. `change` has a number of its own for every change, so a row's version is known by it.
"""

LOG_SCHEMA = "drift"  # Left out of the capture: --exclude-tables=drift.*
TRANSACTIONS = "drift_tx"  # Captured: its row says at which commit LSN a transaction of the log committed.
OTHER_SCHEMA = "side"
COLUMNS = "id bigint NOT NULL, alt bigint NOT NULL DEFAULT nextval('drift.alt'), part int NOT NULL DEFAULT 0, " \
          "change bigint NOT NULL DEFAULT nextval('drift.change'), note text"
STAYING = ("id", "alt", "part", "change", "note")
PARTS = range(4)

# What the trigger knows about the moment of a change, besides the row:
#   tbl, key_columns, identity: of the partitioned table whose topic gets the change (or of the table itself)
#   leaf_gives_key: whether the partition's own replica identity has those key columns in its old rows
#   joined: whether the relay's publication has published this table's updates and deletes since before the change, and
#     during all of the transaction's earlier changes of it
SETUP = """
CREATE SCHEMA drift;
CREATE SCHEMA side;
CREATE SEQUENCE drift.change;
CREATE SEQUENCE drift.alt;
CREATE TABLE drift_tx (xid bigint PRIMARY KEY);
CREATE TABLE drift.log (
  seq bigserial PRIMARY KEY, xid bigint NOT NULL, op text NOT NULL, leaf oid NOT NULL, root oid NOT NULL,
  tbl text NOT NULL, key_columns text[] NOT NULL, identity text NOT NULL, leaf_gives_key boolean NOT NULL,
  joined boolean NOT NULL, old jsonb, new jsonb);
CREATE TYPE drift.colour AS ENUM ('red', 'green');
CREATE DOMAIN drift.amount AS numeric(8,2);

CREATE FUNCTION drift.identity_columns(relation oid, identity "char", OUT columns text[]) LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(a.attname::text ORDER BY a.attname), '{{}}')
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
   WHERE i.indrelid = relation AND CASE identity WHEN 'i' THEN i.indisreplident WHEN 'n' THEN false ELSE i.indisprimary END
$$;

CREATE FUNCTION drift.root_of(relation oid) RETURNS oid LANGUAGE sql STABLE AS $$
  SELECT coalesce(pg_partition_root(relation)::oid, relation)
$$;

CREATE FUNCTION drift.is_joined(root oid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM pg_publication p WHERE p.pubname = '{publication}' AND p.pubupdate AND p.pubdelete AND
    (p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = root)))
$$;

CREATE FUNCTION drift.before_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  root oid := drift.root_of(TG_RELID);
BEGIN
  IF NOT drift.is_joined(root) THEN
    PERFORM set_config('drift.unjoined' || root, pg_current_xact_id()::text, true);
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION drift.keep_log() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  this_xid bigint := pg_current_xact_id()::text::bigint;
  root oid := drift.root_of(TG_RELID);
  top record;
  leaf record;
  keys text[];
  old_row jsonb;
  new_row jsonb;
BEGIN
  SELECT relreplident, format('%s.%s', relnamespace::regnamespace, relname) AS name INTO top
    FROM pg_class WHERE oid = root;
  SELECT relreplident INTO leaf FROM pg_class WHERE oid = TG_RELID;
  keys := drift.identity_columns(root, top.relreplident);
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    SELECT jsonb_object_agg(k, v) INTO old_row FROM jsonb_each_text(to_jsonb(OLD)) e(k, v);
  END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    SELECT jsonb_object_agg(k, v) INTO new_row FROM jsonb_each_text(to_jsonb(NEW)) e(k, v);
  END IF;
  INSERT INTO drift.log (xid, op, leaf, root, tbl, key_columns, identity, leaf_gives_key, joined, old, new)
  VALUES (this_xid, TG_OP, TG_RELID, root, top.name, keys, top.relreplident,
          leaf.relreplident = 'f' OR keys <@ drift.identity_columns(TG_RELID, leaf.relreplident),
          drift.is_joined(root) AND coalesce(current_setting('drift.unjoined' || root, true), '') <> this_xid::text,
          old_row, new_row);
  INSERT INTO public.drift_tx VALUES (this_xid) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
"""

# Which names, primary keys and identities each table has had, in whatever order; and which tables the relay's publication had, whoever altered it.
DEFINITIONS = """
CREATE TABLE drift.forms (root bigint, tbl text, key_columns text[], identity_columns text[],
  PRIMARY KEY (root, tbl, key_columns, identity_columns));
CREATE FUNCTION drift.keep_form() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO drift.forms
  SELECT DISTINCT c.oid, format('%s.%s', c.relnamespace::regnamespace, c.relname), drift.identity_columns(c.oid, 'd'),
         drift.identity_columns(c.oid, c.relreplident)
    FROM pg_event_trigger_ddl_commands() e JOIN pg_class c ON c.oid = e.objid
   WHERE e.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p') AND c.relname ~ '^d_[0-9]+$'
  ON CONFLICT DO NOTHING;
END $$;
CREATE EVENT TRIGGER drift_forms ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
  EXECUTE FUNCTION drift.keep_form();

CREATE TABLE drift.members (seq bigint, xid bigint, roots bigint[]);
CREATE FUNCTION drift.keep_members() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
  this_xid bigint := pg_current_xact_id()::text::bigint;
BEGIN
  INSERT INTO drift.members SELECT nextval('drift.log_seq_seq'), this_xid, coalesce(array_agg(r.prrelid::bigint), '{{}}')
    FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE p.pubname = '{publication}';
  INSERT INTO public.drift_tx VALUES (this_xid) ON CONFLICT DO NOTHING;
END $$;
CREATE EVENT TRIGGER drift_members ON ddl_command_end WHEN TAG IN ('ALTER PUBLICATION') EXECUTE FUNCTION drift.keep_members();
"""

ROW_TRIGGERS = """
CREATE TRIGGER drift_before BEFORE INSERT OR UPDATE OR DELETE ON {table}
  FOR EACH ROW EXECUTE FUNCTION drift.before_change();
CREATE TRIGGER drift_log AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION drift.keep_log();
"""
# Partitions inherit those of their root; this one they do not.
TRUNCATE_TRIGGER = "CREATE TRIGGER drift_truncate AFTER TRUNCATE ON {table} EXECUTE FUNCTION drift.keep_log();"
WITHOUT_ROW_TRIGGERS = "DROP TRIGGER drift_before ON {table}; DROP TRIGGER drift_log ON {table};"


def triggers(table: str) -> str:
    return ROW_TRIGGERS.format(table=table) + TRUNCATE_TRIGGER.format(table=table)
