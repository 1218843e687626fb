#include <stdio.h>
#include <wasmtime.h>
int main(void) { return puts(WASMTIME_VERSION) < 0; }
