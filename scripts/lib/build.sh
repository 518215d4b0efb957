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

# Makes the Debian package in BUILD/package of what is built in BUILD. Usage: package BUILD
package() {
  # The same commit gives the same package.
  : "${SOURCE_DATE_EPOCH:=$(git -C "$ROOT" log -1 --format=%ct)}"
  export SOURCE_DATE_EPOCH
  rm -rf "$1/package"
  quietly package-configure cmake -S "$ROOT" -B "$1" -D CMAKE_INSTALL_PREFIX=/usr
  (umask 022 && quietly package cpack --config "$1/CPackConfig.cmake" -B "$1/package")
}
