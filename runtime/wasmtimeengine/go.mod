module github.com/crankcase/crankcase/runtime/wasmtimeengine

go 1.26

require (
	github.com/bytecodealliance/wasmtime-go/v44 v44.0.0
	github.com/crankcase/crankcase v0.0.0
)

require (
	github.com/mattn/go-sqlite3 v1.14.53 // indirect
	github.com/tetratelabs/wazero v1.12.0 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	golang.org/x/sys v0.46.0 // indirect
)

replace github.com/crankcase/crankcase => ../../
