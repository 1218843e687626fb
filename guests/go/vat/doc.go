// Package vat is the SDK for Crankcase vats in Go.
//
// A vat is a main package that registers its root object in an init function
// and is built with the standard toolchain:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o my.wasm ./my
//
// A whole vat:
//
//	package main
//
//	import "github.com/crankcase/crankcase/guests/go/vat"
//
//	func init() {
//		vat.Serve(vat.Vat{Methods: vat.Methods{
//			"greet": func(c *vat.Call) (any, error) {
//				var name string
//				if err := c.Scan(&name); err != nil {
//					return nil, err
//				}
//				return "Hello, " + name + "!", nil
//			},
//		}})
//	}
//
//	func main() {}
//
// # Calls
//
// A method gets a *Call and returns a value, which fulfills the caller's
// promise, or an error, which rejects it. A returned *Promise settles the
// caller's promise as it settles itself. Messages come from other vats and are
// not to be trusted: one that does not decode, or is larger than MaxBody, is
// rejected before it reaches a method, and a method that panics is rejected
// with the panic's text.
//
// Send sends a call to an object, or to a promise that is not settled yet (the
// message then goes where the promise goes), and returns a promise for the
// answer. Await waits for a promise: the method stops there, the delivery
// ends, and it goes on when the kernel tells how the promise settled.
// Meanwhile other messages are served, as in any actor that awaits.
//
// # Values
//
// Bodies are smallcaps. They become, and are made from: nil, Undefined, bool,
// int64 (other integer types are taken too), float64, BigInt, string, Symbol,
// []any, Record, Tagged, *Error, *Remote, *Promise, *Object. A Record's fields
// are written in the order of their names.
//
// # References are on loan
//
// The objects and promises that a call brings, and the promises that it makes,
// belong to the call: when its method has returned they are given back, and
// the kernel is told at the next bringOutYourDead. To keep one for longer, call its
// Keep method, and its Drop method when it is no longer needed.
//
// # Goroutines
//
// A vat may start goroutines and use channels: a delivery ends when all of them
// wait. They may not use this package, which belongs to the methods. A method
// that waits for a channel which nobody will ever send to is the end of the vat.
//
// # Upgrade
//
// A new incarnation starts with empty memory. What must last goes into the
// vatstore (StoreSet). The root object is always the same one for other vats;
// other objects end with the incarnation that made them.
package vat
