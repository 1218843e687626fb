;; What the benchmark of guest code runs: fib calls, mix computes and stores.
;; wat2wasm compute.wat -o compute.wasm
(module
  (memory (export "memory") 1)
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "mix") (param $n i32) (result i32) (local $x i64)
    (loop $again
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 29))))
      (i64.store (i32.and (local.get $n) (i32.const 0xfff8))
        (i64.add (local.get $x) (i64.load (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xfff8)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.wrap_i64 (local.get $x))))
