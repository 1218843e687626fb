;; What the benchmarks call. 16 pages are 1 MiB.
;; wat2wasm bench.wat -o bench.wasm
(module
  (import "bench" "host" (func $host (param i32 i32) (result i32)))
  (memory (export "memory") 16)
  (global (export "crankcase.gas") (mut i64) (i64.const 0))
  (global (export "crankcase.depth") (mut i32) (i32.const 0))
  (func (export "nop"))
  (func (export "deliver") (param i32 i32) (result i32) (i32.const 0))
  (func (export "host") (param $n i32)
    (loop $again
      (drop (call $host (local.get $n) (i32.const 8)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "trap") unreachable))
