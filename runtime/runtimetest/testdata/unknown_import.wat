(module (import "kit" "unknown" (func)))
