package crankcase_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/crankcase/crankcase"
)

// A whole program: a vat from a file, in a database of its own, and a call.
// Run again, it goes on from the last commit.
func Example() {
	greeter, err := os.ReadFile("examples/hello/greeter.wasm")
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "crankcase-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	db := filepath.Join(folder, "hello.db")

	k, err := crankcase.Start(db, &crankcase.Config{
		ConsensusMode: true,
		Vats:          map[string]crankcase.Vat{"greeter": {Module: greeter}},
	}, crankcase.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer k.Close()

	text, err := k.Call("greeter", "greet", "Ada")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(text)
	if err := k.Commit(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Hello, Ada! You are visitor 1.
}
