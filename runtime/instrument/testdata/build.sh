#!/bin/sh
# Rebuilds the .wasm files here from their .wat (wabt's wat2wasm). puppet.wasm
# is the conformance puppet, built from C.
set -e
cd "$(dirname "$0")"
for f in *.wat; do wat2wasm --debug-names "$f" -o "${f%.wat}.wasm"; done
