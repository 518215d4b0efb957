"""What changes behind the relay on ordinary days: catalogs, names, keys, locks. See README.md, `drift`."""
