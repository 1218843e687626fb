;; Each export traps, for the reason that it is named for.
;; wat2wasm traps.wat -o traps.wasm
(module
  (type $void (func))
  (type $other (func (param i64)))
  (memory 0)
  (table 2 funcref)
  (elem (i32.const 0) $noop)
  (func $noop)
  (func (export "unreachable") unreachable)
  (func (export "memory") (drop (i32.load (i32.const 0))))
  (func (export "table") (call_indirect (type $void) (i32.const 2)))
  (func (export "null") (call_indirect (type $void) (i32.const 1)))
  (func (export "signature") (call_indirect (type $other) (i64.const 0) (i32.const 0)))
  (func (export "overflow") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
  (func (export "conversion") (drop (i32.trunc_f64_s (f64.const nan))))
  (func (export "zero") (drop (i32.div_u (i32.const 1) (i32.const 0)))))
