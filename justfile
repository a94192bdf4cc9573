# Every command of the project. People and CI run the same recipes: `npx -y rust-just <recipe>` needs no installation.

set dotenv-load
set shell := ["bash", "-euo", "pipefail", "-c"]

wasm := "target/wasm32-wasip1/wasm/wasm_filter.wasm"

# Panic messages name source files. Those of dependencies lie in Cargo's home, which differs from machine to machine; with
# it replaced, the filter is the same file wherever it is built.
cargo_home := env("CARGO_HOME", home_directory() / ".cargo")
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS := "--remap-path-prefix=" + cargo_home + "=/cargo"

# List the recipes
default:
    @just --list --justfile {{ justfile() }}

# Install what is missing into .tools/: wasm target, Envoy, MCP servers
setup:
    @tools/setup.sh

# Compile the filter
wasm:
    @cargo build --locked --package wasm-filter --target wasm32-wasip1 --profile wasm

# Build the filter twice from nothing and compare: prints its SHA-256 and size, and leaves it in target/wasm-hash/
wasm-hash: wasm
    #!/usr/bin/env bash
    set -euo pipefail
    home="{{ cargo_home }}"
    out="$PWD/target/wasm-hash"
    rm -rf "$out"
    mkdir -p "$out/sources" "$out/elsewhere"
    # Two copies of the same sources, at paths of different length.
    git ls-files -z | tar --create --null --files-from=- | tar --extract --directory "$out/sources"
    cp -r "$out/sources" "$out/elsewhere/copy"
    for folder in "$out/sources" "$out/elsewhere/copy"; do
        (cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo build --quiet --locked --package wasm-filter --target wasm32-wasip1 --profile wasm)
    done
    built=target/wasm32-wasip1/wasm/wasm_filter.wasm
    one=$(sha256sum <"$out/sources/$built") two=$(sha256sum <"$out/elsewhere/copy/$built")
    if [ "$one" != "$two" ]; then echo "not reproducible: ${one%% *} and ${two%% *}" >&2; exit 1; fi
    if grep --quiet --text --fixed-strings "$home" "$out/sources/$built"; then echo "it names $home" >&2; exit 1; fi
    mv "$out/sources/$built" "$out/mcp-edge.wasm"
    rm -rf "$out/sources" "$out/elsewhere"
    cmp "$out/mcp-edge.wasm" {{ wasm }} || { echo "just wasm makes another file" >&2; exit 1; }
    echo "sha256 ${one%% *}"
    echo "BENCH wasm.size_kib $((($(stat --format %s "$out/mcp-edge.wasm") + 1023) / 1024))"

# Compile everything that `run` starts
build: wasm
    @cargo build --locked --release --package auth-service --package stdio-bridge --package launcher

# Build, then run the whole gateway natively until Ctrl-C
[no-exit-message]
run: setup build
    @PATH="$PWD/.tools/bin:$PATH" exec target/release/mcp-edge-gateway

# Make a new password for a local user (the gateway may be running)
passwd name:
    @target/release/auth-service users passwd {{ name }}

# Show all registered clients of the running gateway
oauth-list-registrations:
    @target/release/auth-service clients list

# Show the living grants: all, or `--user NAME`, or `--client ID`
oauth-list-tokens *filter:
    @target/release/auth-service tokens list {{ filter }}

# Delete a client of the running gateway: everything of it ends at once
oauth-delete-client id:
    @target/release/auth-service clients delete {{ quote(id) }}

# Revoke one access token at the running gateway, by its `jti`
oauth-revoke-token jti:
    @target/release/auth-service tokens revoke {{ quote(jti) }}

# Make a new signing key; it signs when everybody has fetched it
oauth-rotate-keys:
    @target/release/auth-service keys rotate

# Look whether the settings, and everything they point to, are as they should be
doctor:
    @target/release/auth-service doctor

# Count what the running gateway keeps
oauth-stats:
    @target/release/auth-service stats

# Forget at once what has expired
oauth-purge-expired:
    @target/release/auth-service purge

# Save the registered clients of the running gateway into a new file, without any usable secret (docs/backup.md)
oauth-backup file:
    @target/release/auth-service backup {{ quote(file) }}

# Start the store over with what oauth-backup saved: everybody signs in again; `--replace` when it is not empty
oauth-restore file *replace:
    @target/release/auth-service restore {{ quote(file) }} {{ replace }}

# All tests: unit, contract, compiled wasm, end to end with real Envoy, real servers and real clients
test: (setup-tests) wasm
    cargo build --quiet --locked --workspace --exclude wasm-filter --bins
    cargo test --quiet --locked --workspace --exclude wasm-filter --doc
    PATH="$PWD/.tools/bin:$PATH" cargo test --locked --workspace --exclude wasm-filter --lib --bins --tests

# Kill the auth service, and its Redis with it, a thousand times over each store: `just soak auth`
soak target: (setup-tests)
    @[ "{{ target }}" = auth ] || { echo "there is only: just soak auth" >&2; exit 64; }
    PATH="$PWD/.tools/bin:$PATH" cargo test --locked --package auth-service --test program -- --ignored --nocapture

[private]
setup-tests:
    @tools/setup.sh tests

[private]
setup-bench:
    @tools/setup.sh bench

# Measure: `just bench edge` beside what Envoy brings itself, `just bench auth` beside another authorization server
# (docs/benchmarks.md); wants two idle cores and some minutes
bench target *parts: (setup-bench) wasm
    @cargo build --quiet --locked --release --package auth-service --package gateway-bench
    @target/release/gateway-bench {{ target }} {{ parts }}

# Formatting, clippy on both targets, docs without warnings, file lengths
lint: fmt-check clippy docs file-length

# Format all Rust code
fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

clippy:
    cargo clippy --quiet --locked --workspace --exclude wasm-filter --all-targets -- --deny warnings
    cargo clippy --quiet --locked --package wasm-filter --target wasm32-wasip1 -- --deny warnings

# API documentation; a broken link is an error
docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --locked --workspace --exclude wasm-filter --no-deps

# No Rust file over 400 lines
file-length:
    @long=$(git ls-files '*.rs' | xargs wc -l | awk '$2 != "total" && $1 > 400 { print "  " $1 " lines: " $2 }'); \
    if [ -n "$long" ]; then echo "These files hold more than one thing:"; echo "$long"; exit 1; fi

# Licences, advisories, banned and duplicate crates (needs cargo-deny)
deny:
    cargo deny check
