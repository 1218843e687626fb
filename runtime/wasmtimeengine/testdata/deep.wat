;; down goes that many calls deep and calls the host there.
;; wat2wasm deep.wat -o deep.wasm
(module
  (import "m" "f" (func $host))
  (func $down (export "down") (param i64) (result i64)
    (if (result i64) (i64.eqz (local.get 0))
      (then (call $host) (i64.const 0))
      (else (i64.add (i64.const 1) (call $down (i64.sub (local.get 0) (i64.const 1))))))))
