# shellcheck shell=bash disable=SC2034
# Sourced. Builds with one of CMake's presets: "release" into build/, others into build/<preset>.

# Usage: build_preset PRESET FOLDER TARGET...
build_preset() {
  local preset=$1 folder=$2
  shift 2
  say "Building $* ($preset)"
  # Clones of this repository share what ccache has, wherever they lie.
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
  quietly configure cmake -S "$ROOT" --preset "$preset"
  # shellcheck disable=SC2086 # BOTTLEDWATER_JOBS may be empty
  quietly build ninja -C "$folder" ${BOTTLEDWATER_JOBS:+-j$BOTTLEDWATER_JOBS} "$@"
}

# Usage: build TARGET...    ("all" for the tests too)
build() { build_preset release "$ROOT/build" "$@"; }
