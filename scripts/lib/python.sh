# shellcheck shell=bash disable=SC2034
# Sourced. A Python environment with the clients that tests and quickstart use against the servers.
# They are pinned in tests/integration/requirements.txt, and share no code with the relay.

REQUIREMENTS=$ROOT/tests/integration/requirements.txt

# A folder of that name is always complete: it gets its name last.
make_venv() {
  local final=$1
  /usr/bin/python3 -m venv --clear "$final.partial" &&
    "$final.partial/bin/python" -m pip install --quiet --disable-pip-version-check -r "$REQUIREMENTS" &&
    mv -T "$final.partial" "$final"
}

# Where the environment for this Python and these requirements is, or will be.
venv_path() {
  local version wanted
  version=$(/usr/bin/python3 -c 'import platform; print(platform.python_version())')
  wanted=$(sha256sum <"$REQUIREMENTS" | cut -c1-12)
  echo "$CACHE/python-$version-$wanted"
}

# Prints the path of the environment's python; makes the environment when it is missing.
venv_python() {
  local folder
  folder=$(venv_path)
  if [ ! -d "$folder" ]; then
    say "Making a Python environment (clients for Kafka, Avro and PostgreSQL)"
    quietly python make_venv "$folder"
  fi
  echo "$folder/bin/python"
}

fetch_servers() {
  /usr/bin/python3 "$ROOT/scripts/servers" fetch
}

# Makes Kafka and the registry start in half the time: worth its 20 seconds for those who start them often.
archive_classes() {
  /usr/bin/python3 "$ROOT/scripts/servers" archive
}
