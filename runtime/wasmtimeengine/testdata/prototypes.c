// Declares each function twice, as the real headers do and as capi.h does: it
// compiles if they agree.
#include <wasmtime.h>
#define CRANKCASE_PROTOTYPES
#include "capi.h"
