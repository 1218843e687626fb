module github.com/crankcase/crankcase/runtime/wasmtimeengine

go 1.26

require (
	github.com/bytecodealliance/wasmtime-go/v44 v44.0.0
	github.com/crankcase/crankcase v0.0.0
)

replace github.com/crankcase/crankcase => ../../
