# shellcheck shell=bash disable=SC2034
# Sourced by every script here: where things are, and how we talk to the person at the terminal.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${BOTTLEDWATER_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}}/bottledwater

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command with its output in a log file; only when it fails, the end of that goes to the terminal.
# Usage: quietly NAME COMMAND...
quietly() {
  local name=$1
  shift
  local log=$CACHE/logs/$name.log
  mkdir -p "$CACHE/logs"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "$name failed; the whole log is $log"
  fi
}
