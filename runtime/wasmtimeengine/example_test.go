package wasmtimeengine_test

import (
	"fmt"
	"log"
	"os"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime/wasmtimeengine"
	"github.com/crankcase/crankcase/worker"
)

// Vats run on wasmtime if the workers of a kernel are made with its engine.
func Example() {
	engine, err := wasmtimeengine.New(wasmtimeengine.Config{Host: hostfuncs.HostFuncs()})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	workers, err := worker.New(worker.Config{Engine: engine})
	if err != nil {
		log.Fatal(err)
	}
	defer workers.Close()

	module, err := os.ReadFile("../../guests/puppet/puppet.wasm")
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := workers.Prepare(module)
	if err != nil {
		log.Fatal(err)
	}
	vat, err := workers.Spawn(kernel.VatSpec{ID: 1, Name: "puppet", Bundle: bundle})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("compiled by", engine.Name(), wasmtimeengine.Version)
	if err := vat.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: compiled by wasmtime 44.0.0
}
