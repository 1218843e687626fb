package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/runtime"
)

func testHostCalls(t *testing.T, e runtime.Engine) {
	with(t, e, "host", func(g *guest) {
		g.want(t, "act", nil)
		g.want(t, "other", nil)
		g.want(t, "act", nil)
		if want := []string{"kit.act", "other.act", "kit.act"}; !slices.Equal(g.calls, want) {
			t.Errorf("called %v, want %v", g.calls, want)
		}
		if got := g.Global("steps").Get(); got != 4 {
			t.Errorf("%d steps, want 4", got)
		}

		for _, export := range []string{"values", "reexported"} {
			g.act = func(stack []uint64) error {
				if want := []uint64{1, 2 << 40, nan32, nan64}; len(stack) < 4 || !slices.Equal(stack[:4], want) {
					t.Errorf("%s: host got %#x, want %#x", export, stack, want)
				}
				copy(stack, []uint64{0xffffffff, nan64, 0x80000000, 4})
				return nil
			}
			g.want(t, export, []uint64{0xffffffff, nan64, 0x80000000, 4}, 1, 2<<40, nan32, nan64)
		}

		g.act = func(stack []uint64) error {
			if want := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; len(stack) < 10 || !slices.Equal(stack[:10], want) {
				t.Errorf("many: host got %d, want %d", stack, want)
			}
			return nil
		}
		g.want(t, "many", nil)

		g.act = func(stack []uint64) error {
			copy(stack, []uint64{11, 12, 13})
			return nil
		}
		g.want(t, "give", []uint64{11, 12, 13})
	})
}

func testHostUpperHalves(t *testing.T, e runtime.Engine) {
	with(t, e, "host", func(g *guest) {
		g.act = func(stack []uint64) error {
			if stack[0] != 0x89abcdef {
				t.Errorf("host got i32 %#x, want 0x89abcdef", stack[0])
			}
			stack[0] = garbage | 0xfedcba98
			return nil
		}
		g.want(t, "i32_extended", []uint64{0xfedcba98}, garbage|0x89abcdef)
		g.act = func(stack []uint64) error {
			stack[0] = garbage
			return nil
		}
		g.want(t, "i32_eqz", []uint64{1}, garbage|1)
		g.act = func(stack []uint64) error {
			for i := range 10 {
				if stack[i] != uint64(i) {
					t.Errorf("host got %#x at %d", stack[i], i)
				}
				stack[i] = ^uint64(0)
			}
			return nil
		}
		g.want(t, "many_twice", nil)
		g.act = func(stack []uint64) error {
			if stack[0] != 1 || stack[2] != 3 {
				t.Errorf("host got %#x", stack)
			}
			stack[0] |= garbage
			stack[2] |= garbage
			return nil
		}
		for _, export := range []string{"values", "reexported"} {
			g.want(t, export, []uint64{1, garbage | 2, 3, garbage | 4}, garbage|1, garbage|2, garbage|3, garbage|4)
		}
	})
}

// typedError is an error that engines might know by its type or its chain.
type typedError struct{ cause error }

func (e *typedError) Error() string { return "typed" }
func (e *typedError) Unwrap() error { return e.cause }

func testHostErrors(t *testing.T, e runtime.Engine) {
	with(t, e, "host", func(g *guest) {
		steps := g.Global("steps")
		for _, want := range []error{
			errors.New("plain"),
			&typedError{context.Canceled},
			&typedError{&runtime.Trap{Kind: runtime.TrapUnreachable}},
			&runtime.Trap{Kind: runtime.TrapDivideByZero},
			&runtime.PanicError{Value: "not a panic"},
		} {
			g.act = func([]uint64) error { return want }
			steps.Set(0)
			if _, err := g.call(t, "act", 0); err != want {
				t.Errorf("act: error %v, want this very one: %v", err, want)
			}
			if steps.Get() != 1 {
				t.Errorf("after %v: %d steps, want the guest to stop after 1", want, steps.Get())
			}
			if _, err := g.call(t, "deep", 0, 500); err != want {
				t.Errorf("deep: error %v, want this very one: %v", err, want)
			}
			if steps.Get() != 1 {
				t.Errorf("after %v: guest code ran on the way out", want)
			}
			if _, err := g.call(t, "reexported", 4, 0, 0, 0, 0); err != want {
				t.Errorf("reexported: error %v, want this very one: %v", err, want)
			}
		}
		// The same error, wrapped by the host, must not lose its wrapping.
		inner := errors.New("inner")
		outer := fmt.Errorf("outer: %w", inner)
		g.act = func([]uint64) error { return outer }
		if _, err := g.call(t, "act", 0); err != outer {
			t.Errorf("error %v, want %v", err, outer)
		}
		g.act = nil
		g.want(t, "act", nil)
	})
}

func testHostPanics(t *testing.T, e runtime.Engine) {
	with(t, e, "host", func(g *guest) {
		steps := g.Global("steps")
		cause := errors.New("cause")
		for name, blow := range map[string]func() any{
			"text":    func() any { panic("text") },
			"error":   func() any { panic(cause) },
			"runtime": func() any { return cause.(interface{ None() }) }, // an error of Go's runtime
			"nil":     func() any { panic(nil) },
		} {
			for _, export := range []string{"act", "deep", "reexported"} {
				g.act = func([]uint64) error { blow(); return nil }
				steps.Set(0)
				_, err := g.call(t, export, 4, 0, 0, 0, 0)
				var p *runtime.PanicError
				if !errors.As(err, &p) {
					t.Errorf("%s, %s: error %v, want a PanicError", name, export, err)
					continue
				}
				if p.Value == nil || name == "text" && p.Value != "text" || name == "error" && p.Value != cause {
					t.Errorf("%s, %s: value %v", name, export, p.Value)
				}
				if !strings.Contains(string(p.Stack), "testHostPanics") {
					t.Errorf("%s, %s: the stack does not show the function that panicked:\n%s", name, export, p.Stack)
				}
				if steps.Get() > 1 {
					t.Errorf("%s, %s: guest code ran on", name, export)
				}
				g.act = nil
				g.want(t, "act", nil)
			}
		}
	})
	// The engine is as good as before.
	with(t, e, "host", func(g *guest) { g.want(t, "act", nil) })
}
