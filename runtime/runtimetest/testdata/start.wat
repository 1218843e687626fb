;; A start section, which the instrumenter would have taken out.
(module
  (import "kit" "act" (func $act))
  (start $act))
