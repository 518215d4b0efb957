# shellcheck shell=bash disable=SC2034
# Sourced. Builds with CMake's release preset into build/.

# Usage: build TARGET...    ("all" for the tests too)
build() {
  say "Building $* (Release)"
  # Clones of this repository share what ccache has, wherever they lie.
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
  quietly configure cmake -S "$ROOT" --preset release
  # shellcheck disable=SC2086 # BOTTLEDWATER_JOBS may be empty
  quietly build ninja -C "$ROOT/build" ${BOTTLEDWATER_JOBS:+-j$BOTTLEDWATER_JOBS} "$@"
}
