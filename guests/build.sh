#!/bin/sh
# Builds all C guests, or with --check compares what it builds with what is
# committed (exit 1 on a difference). Needs clang-14 and wasm-ld-14.
#
# The bytes do not depend on the machine: clang only compiles, since at -O it
# would run any wasm-opt that is on PATH after linking.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check=${1:-}
bad=0
cd "$root"

# guest OUTPUT SOURCE...
guest() {
	out=$1
	shift
	objects=
	for c in "$@"; do
		object=$work/$(basename "$c" .c).o
		clang-14 --target=wasm32-unknown-unknown -mcpu=mvp -Os -ffreestanding -Wall -Wextra -Werror -c "$c" -o "$object"
		objects="$objects $object"
	done
	wasm-ld-14 --no-entry --stack-first -z stack-size=65536 --strip-all $objects -o "$work/guest.wasm"
	if [ "$check" = --check ]; then
		cmp "$work/guest.wasm" "$out" || bad=1
	else
		cp "$work/guest.wasm" "$out"
		chmod 644 "$out"
	fi
}

sdk="guests/c/sdk.c guests/c/smallcaps.c"
guest guests/c/smallest.wasm guests/c/smallest.c
guest guests/c/testdata/probe.wasm guests/c/testdata/probe.c $sdk
guest examples/hello/greeter.wasm examples/hello/src/greeter.c $sdk
guest examples/hello/visitor.wasm examples/hello/src/visitor.c $sdk
guest examples/exchange/issuer.wasm examples/exchange/src/issuer.c $sdk
guest examples/exchange/exchange.wasm examples/exchange/src/exchange.c examples/exchange/src/book.c $sdk
guest examples/exchange/floor.wasm examples/exchange/src/floor.c $sdk
sh guests/puppet/build.sh $check || bad=1
exit $bad
