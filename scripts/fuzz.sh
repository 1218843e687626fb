#!/bin/sh
# usage: fuzz.sh TIME; runs every fuzz target of the module for TIME each.
set -e
cd "$(dirname "$0")/.."
for pkg in $(go list ./...); do
	for f in $(go test "$pkg" -list '^Fuzz' | grep '^Fuzz' || true); do
		echo "== $pkg $f"
		go test "$pkg" -run '^$' -fuzz "^$f\$" -fuzztime "$1"
	done
done
