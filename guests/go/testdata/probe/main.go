// Command probe is a vat that the tests of the Go SDK run in Wasm.
package main

import "github.com/crankcase/crankcase/guests/go/vat"

var (
	in   = make(chan int)
	seen []any
)

func init() {
	vat.Serve(vat.Vat{Methods: vat.Methods{
		"echo": func(c *vat.Call) (any, error) { return c.Args(), nil },
		// spawn starts a goroutine of the vat's own that outlives the delivery.
		"spawn": func(*vat.Call) (any, error) {
			go func() {
				for n := range in {
					seen = append(seen, int64(n))
				}
			}()
			return nil, nil
		},
		// feed leaves the goroutine with work that it does before the delivery ends.
		"feed": func(c *vat.Call) (any, error) {
			var n int
			if err := c.Scan(&n); err != nil {
				return nil, err
			}
			go func() {
				for i := range n {
					in <- i
				}
			}()
			return nil, nil
		},
		"seen": func(*vat.Call) (any, error) { return seen, nil },
		// ask awaits an answer in the middle of a method.
		"ask": func(c *vat.Call) (any, error) {
			var to vat.Target
			if err := c.Scan(&to); err != nil {
				return nil, err
			}
			v, err := to.Send(c, "ask").Await(c)
			return []any{v}, err
		},
		"stuck": func(*vat.Call) (any, error) { <-make(chan int); return nil, nil },
	}})
}

func main() {}
