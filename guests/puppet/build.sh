#!/bin/sh
# Builds puppet.wasm and its variants beside this script, or with --check
# compares what it builds with what lies there (exit 1 on a difference).
# Needs clang-14 and wasm-ld-14. The output does not depend on the machine:
# clang only compiles, since at -O it would run any wasm-opt on PATH after linking.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check=${1:-}
bad=0

# one NAME [DEFINE]
one() {
	objects=
	for c in puppet run operand body line utf saved memory init; do
		(cd "$here/src" && clang-14 --target=wasm32-unknown-unknown -mcpu=mvp -Os -ffreestanding -Wall -Wextra -Werror \
			-Wno-int-to-pointer-cast -Wno-pointer-to-int-cast ${2:+-D$2} -c "$c.c" -o "$work/$c.o")
		objects="$objects $work/$c.o"
	done
	wasm-ld-14 --no-entry --stack-first -z stack-size=65536 --strip-all $objects -o "$work/$1"
	if [ "$check" = --check ]; then
		cmp "$work/$1" "$here/$1" || bad=1
	else
		cp "$work/$1" "$here/$1"
	fi
}

one puppet.wasm
one puppet-init-syscall.wasm INIT_SYSCALL
one puppet-init-read.wasm INIT_READ
one puppet-init-fault.wasm INIT_FAULT
one puppet-init-bundle.wasm INIT_BUNDLE
exit $bad
