;; A delivery of n bytes makes n host calls: subscribe, or for a
;; bringOutYourDead console.log; a notify reads its payload once.
(module
  (import "crankcase_v1" "subscribe" (func $subscribe (param i64)))
  (import "crankcase_v1" "read" (func $read (param i32 i32 i32)))
  (import "console" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "crankcase_deliver") (param $kind i32) (param $n i32) (result i32)
    (if (i32.eq (local.get $kind) (i32.const 3))
      (then (call $read (i32.const 0) (i32.const 0) (local.get $n)) (return (i32.const 0))))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (if (i32.eq (local.get $kind) (i32.const 7))
          (then (call $log (i32.const 1) (i32.const 0) (i32.const 5)))
          (else (call $subscribe (i64.const 83))))
        (br $next)))
    (i32.const 0)))
