;; A memory that begins without a page.
(module
  (memory (export "memory") 0 2)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0))))
