;; Traps by the length of the delivery's payload: startVat is well, a message of
;; n bytes runs case n.
(module
  (type $unary (func (param i32) (result i32)))
  (import "crankcase_v1" "vatstore_set" (func $set (param i32 i32 i32 i32)))
  (memory (export "memory") 1 2)
  (table 2 funcref)
  (elem (i32.const 0) $one)
  (func $one (result i32) (i32.const 1))
  (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (func (export "crankcase_deliver") (param $kind i32) (param $len i32) (result i32)
    (if (i32.eq (local.get $kind) (i32.const 1)) (then (return (i32.const 0))))
    (block $12 (block $11 (block $10 (block $9 (block $8 (block $7 (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
      (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 (local.get $len)))
      (unreachable))                                                       ;; 0
      (return (i32.load (i32.const 65533))))                               ;; 1
      (i64.store offset=0xffffffff (i32.const -1) (i64.const 0)))          ;; 2
      (memory.fill (i32.const 65535) (i32.const 1) (i32.const 2)))         ;; 3
      (return (call_indirect (result i32) (i32.const 2))))                 ;; 4
      (return (call_indirect (result i32) (i32.const 1))))                 ;; 5: null, which counts as outside
      (return (call_indirect (type $unary) (i32.const 0) (i32.const 0))))  ;; 6: another type
      (return (i32.trunc_f64_s (f64.const 3e9))))                          ;; 7
      (return (i32.div_s (i32.const 0x80000000) (i32.const -1))))          ;; 8
      (return (i32.rem_u (i32.const 1) (i32.sub (local.get $len) (i32.const 9))))) ;; 9
      (loop $l (br $l)))                                                   ;; 10
      (return (call $deep (i32.const 0))))                                 ;; 11
      (i32.store8 (i32.const 0) (i32.const 0x6b))                          ;; 12: grow to the limit, and no further
      (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))
      (return (i32.add (i32.sub (memory.grow (i32.const 1)) (i32.const 1)) (i32.add (memory.grow (i32.const 1)) (i32.const 1))))))
