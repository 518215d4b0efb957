# shellcheck shell=bash disable=SC2034
# Sourced. Installs Debian packages, and only those that are missing; nothing is ever removed or upgraded.

BUILD_PACKAGES=(
  build-essential cmake ninja-build ccache pkg-config git ca-certificates
  libpq-dev libisal-dev librdkafka-dev librocksdb-dev libavro-dev libcurl4-openssl-dev libssl-dev
  libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libcpp-httplib-dev prometheus-cpp-dev libsystemd-dev
  libgtest-dev libgmock-dev
)
FUZZ_PACKAGES=(clang libclang-rt-dev)
PYTHON_PACKAGES=(python3 python3-venv)
# Debian's version: 15 in Debian 12, 17 in Debian 13.
POSTGRES_PACKAGES=(postgresql)
# What commands of the documentation use, in the test that runs them.
DOCUMENTS_PACKAGES=(curl jq)
# For the test of the status page.
BROWSER_PACKAGES=(chromium)
# Makes certificates for servers of ours.
TLS_PACKAGES=(openssl)
# Maven fetches Kafka and the schema registry: see scripts/servers/fetch.py.
JAVA_PACKAGES=(default-jre-headless maven)
# Make the Debian package.
PACKAGE_PACKAGES=(dpkg-dev file)
# Check what is in packaging/: promtool, systemd-analyze, lintian, man, a chroot to install in.
PACKAGING_TEST_PACKAGES=("${PACKAGE_PACKAGES[@]}" prometheus systemd lintian man-db debootstrap python3-yaml)

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -- "$@"
  fi
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Waits for a lock that another installer holds, as on a machine that has just booted.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Debian's PostgreSQL package creates and starts a server on port 5432. We want its programs only, so that
# setting is off while it is being installed, and afterwards as it was.
install_postgresql() {
  local conf=/etc/postgresql-common/createcluster.conf
  is_installed postgresql-common || apt_get install --no-install-recommends postgresql-common || return
  local before status=0
  before=$(mktemp)
  cat "$conf" >"$before"
  as_root pg_conftool "$conf" set create_main_cluster off || return
  apt_get install --no-install-recommends postgresql || status=$?
  as_root cp "$before" "$conf"
  rm -f "$before"
  return "$status"
}

# We want promtool only: the server that the package would start is neither started nor enabled.
install_prometheus() {
  local policy=/usr/sbin/policy-rc.d made='' status=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made=1
  fi
  apt_get install --no-install-recommends prometheus || status=$?
  [ -z "$made" ] || as_root rm "$policy"
  [ "$status" != 0 ] || ! command -v systemctl >/dev/null || as_root systemctl disable --quiet prometheus
  return "$status"
}

install_all() {
  apt_get update || return
  local package others=()
  for package in "$@"; do
    case $package in
      postgresql) install_postgresql || return ;;
      prometheus) install_prometheus || return ;;
      *) others+=("$package") ;;
    esac
  done
  [ ${#others[@]} = 0 ] || apt_get install --no-install-recommends "${others[@]}"
}

# Usage: install_packages PACKAGE...
install_packages() {
  command -v dpkg-query >/dev/null || die "this installs Debian packages, and this machine has no dpkg: run it on Debian 12 or 13"
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "run this as root once, or: apt-get install ${missing[*]}"
  say "Installing Debian packages: ${missing[*]}"
  quietly install install_all "${missing[@]}"
}
